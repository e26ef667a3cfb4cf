"""What govflow says about itself while it works: structured records, one event name each.

Every record holds ``event`` (a dotted name), ``level``, ``logger``, ``timestamp`` (UTC), what was bound with
:func:`bound` (run, step, tenant, correlation) and its own fields. Records go to the ``govflow`` logger of the standard
library, with a handler that :func:`configure` puts there; the root logger, its handlers and structlog's global
configuration belong to the host program and are not touched. Secrets are removed before any handler sees a record.

structlog is imported at the first record: importing this module costs nothing.

    log = get_logger(__name__)
    with bound(run_id="r-1", tenant="acme"):
        log.info("step.refused", step_id="load#1", rule="no-prod-writes")
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import pairwise
from typing import Any, Final, Protocol

MASK: Final = "***"
ROOT: Final = "govflow"
FREE_TEXT: Final = "log.message"
"""The event name of a record that came without one (a plain stdlib message); its text is in ``message``."""

_EVENT_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)*")
_SECRET_WORDS: Final = frozenset(
    {"password", "passwords", "passwd", "pwd", "passphrase", "token", "tokens", "secret", "secrets"}
    | {"authorization", "apikey", "cookie", "credential", "credentials"}
)
_SECRET_PAIRS: Final = frozenset({("api", "key"), ("private", "key"), ("access", "key"), ("signing", "key")})
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NAMED: Final = r"[\w.-]{0,64}(?:password|passwd|passphrase|secret|token|api[_-]?key|authorization)[\w.-]{0,64}"

# Each pattern keeps what names the place and masks the value. Over-masking is preferred to a leak. Repetitions before
# the telling part are bounded, so that a long line costs linear time.
_TEXT_RULES: Final = (
    (re.compile(r"(gf[alsk]_)[A-Za-z0-9_-]{4,}"), rf"\1{MASK}"),
    # RFC 3986 forbids a raw "@" or "/" in a password; people write them all the same: up to the last "@".
    (re.compile(r"([A-Za-z][\w.+-]{0,31}://[^\s:/@'\"]{0,256}):[^\s'\"]{0,1024}@"), rf"\1:{MASK}@"),
    (re.compile(r"(https?://)[^\s/:@'\"]{1,1024}@", re.IGNORECASE), rf"\1{MASK}@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{4,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(rf"(?i)([?&;]{_NAMED}=)[^\s&;'\"]+"), rf"\1{MASK}"),
    (
        re.compile(
            rf"(?i)(\b{_NAMED}[\"']?\s{{0,3}}[=:](?!//)\s{{0,3}})(?!bearer\b|basic\b)(\"[^\"]*\"|'[^']*'|[^\s,;&)}}\]]+)"
        ),
        rf"\1{MASK}",
    ),
)
_MAY_TELL: Final = re.compile(r"gf[alsk]_|@|=|:(?!//)|bearer|basic", re.IGNORECASE)
"""Every rule needs one of these: most texts have none, and are looked at once instead of six times."""
_TELLING: Final = ("token", "secret", "passw", "api", "bearer", "basic", "authorization", "passphrase")
_TELLING_PREFIXES: Final = ("gfa_", "gfl_", "gfs_", "gfk_")
"""One of these words, or an ``@``, in any text in ASCII in which a rule finds something."""


def redact_text(text: str) -> str:
    """``text`` without secrets of govflow, credentials in URLs and values that stand behind a secret's name."""
    if not _may_tell(text):
        return text
    for pattern, replacement in _TEXT_RULES:
        text = pattern.sub(replacement, text)
    return text


def _may_tell(text: str) -> bool:
    """Whether any rule could find something. Asked of every text that is shown: plain search tells it of most."""
    if not text.isascii():  # there a pattern takes letters for others
        return _MAY_TELL.search(text) is not None
    lowered = text.lower()
    return "@" in text or any(word in lowered for word in (*_TELLING, *_TELLING_PREFIXES))


def is_secret_name(name: str) -> bool:
    """True when a field of that name holds a secret: ``db_password``, ``apiKey``, ``X-Auth-Token``."""
    words = [word.lower() for word in _WORD.findall(name)]
    return not _SECRET_WORDS.isdisjoint(words) or any(pair in _SECRET_PAIRS for pair in pairwise(words))


def redact(value: Any, *, depth: int = 8) -> Any:
    """``value`` as JSON-like data without secrets; other objects become their redacted ``str``."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact_text(value)
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {
            str(key): MASK if item is not None and is_secret_name(str(key)) else redact(item, depth=depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, depth=depth - 1) for item in value]
    return redact_text(str(value))


def redact_named(name: str, value: Any) -> Any:
    """``value`` as it may be shown under a dotted name: all of it is hidden when a part of the name tells a secret.

    Numbers and flags are no secrets: ``parameters.token.required`` stays.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    return MASK if any(map(is_secret_name, name.split("."))) else redact(value)


_bound: ContextVar[Mapping[str, str]] = ContextVar("govflow_telemetry", default={})  # noqa: B039  never mutated


def current() -> Mapping[str, str]:
    """What is bound here and now."""
    return _bound.get()


@contextmanager
def bound(
    *,
    run_id: str | None = None,
    step_id: str | None = None,
    tenant: str | None = None,
    correlation: str | None = None,
) -> Iterator[None]:
    """Add these to every record made inside, in this thread or coroutine; ``None`` keeps what was bound."""
    given = {"run_id": run_id, "step_id": step_id, "tenant": tenant, "correlation": correlation}
    token = _bound.set({**_bound.get(), **{key: value for key, value in given.items() if value is not None}})
    try:
        yield
    finally:
        with suppress(ValueError):  # closed from another context: an abandoned generator; that context ends with it
            _bound.reset(token)


class EventLogger:
    """Makes records of one logger. Cheap to create; immutable."""

    __slots__ = ("_fields", "_inner", "name")

    def __init__(self, name: str, fields: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self._fields = dict(fields or {})
        self._inner: Any = None

    def bind(self, **fields: Any) -> EventLogger:
        """A logger that adds ``fields`` to each of its records."""
        return EventLogger(self.name, {**self._fields, **fields})

    def debug(self, event: str, /, **fields: Any) -> None:
        """A detail for those who look for a fault."""
        self._emit(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: Any) -> None:
        """Something that is meant to happen."""
        self._emit(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: Any) -> None:
        """Something that a person should look at."""
        self._emit(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: Any) -> None:
        """Something that failed."""
        self._emit(logging.ERROR, event, fields)

    def exception(self, event: str, /, **fields: Any) -> None:
        """Something that failed, with the traceback of the exception being handled."""
        self._emit(logging.ERROR, event, {"exc_info": True, **fields})

    def _emit(self, level: int, event: str, fields: Mapping[str, Any]) -> None:
        if not logging.getLogger(self.name).isEnabledFor(level):
            return
        if self._inner is None:
            self._inner = _wrap(self.name, self._fields)
        self._inner.log(level, event, **fields)


def get_logger(name: str) -> EventLogger:
    """The logger of a module (``get_logger(__name__)``); names outside ``govflow`` are put below it."""
    return EventLogger(name if name == ROOT or name.startswith(ROOT + ".") else f"{ROOT}.{name}")


class LogSettings(Protocol):
    """The settings that telemetry reads."""

    @property
    def log_format(self) -> str:
        """``auto``, ``json`` or ``console``."""

    @property
    def debug(self) -> bool:
        """Whether details are shown."""


def configure(settings: LogSettings, *, level: int | None = None) -> None:
    """Show records on stderr: as JSON lines, or for people when stderr is a terminal.

    Calling it again replaces what the last call set up. Only the ``govflow`` logger is changed.

    Args:
        settings: ``log_format`` and ``debug`` are read.
        level: lowest level shown; without it DEBUG when ``settings.debug``, else INFO.
    """
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    logger = logging.getLogger(ROOT)
    for handler in [handler for handler in logger.handlers if isinstance(handler, _StderrHandler)]:
        logger.removeHandler(handler)
    handler = _StderrHandler()
    handler.setFormatter(_Formatter(as_json=as_json))
    logger.addHandler(handler)
    logger.setLevel(level if level is not None else logging.DEBUG if settings.debug else logging.INFO)
    logger.propagate = False  # the host's root handlers would show each record a second time


class _StderrHandler(logging.StreamHandler[Any]):
    """Writes to whatever ``sys.stderr`` is at that moment."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, value: Any) -> None:
        """Ignored: the stream is always the current ``sys.stderr``."""


class _Formatter(logging.Formatter):
    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json
        self._render: Any = None

    def format(self, record: logging.LogRecord) -> str:
        import structlog

        if self._render is None:
            self._render = (
                structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False)
                if self._as_json
                else structlog.dev.ConsoleRenderer(colors=_colours(), sort_keys=False)
            )
        fields: dict[str, Any] = dict(getattr(record, "govflow", None) or self._foreign(record))
        if self._as_json:
            fields = {"event": fields.pop("event"), **fields}
        return str(self._render(None, record.levelname.lower(), fields))

    def _foreign(self, record: logging.LogRecord) -> dict[str, Any]:
        """A plain stdlib record on one of our loggers, brought into the same shape."""
        fields: dict[str, Any] = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        for step in (_add_bound, _add_timestamp, _name_event, _redact_record):
            fields = dict(step(None, "", fields))
        return fields


def _colours() -> bool:
    import os

    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def _wrap(name: str, fields: Mapping[str, Any]) -> Any:
    import structlog

    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            _add_bound,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            _add_timestamp,
            structlog.processors.format_exc_info,
            _name_event,
            _redact_record,
            _to_stdlib,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    ).bind(**fields)


Event = MutableMapping[str, Any]


def _add_bound(_logger: Any, _method: str, event: Event) -> Event:
    for key, value in _bound.get().items():
        event.setdefault(key, value)
    return event


def _add_timestamp(_logger: Any, _method: str, event: Event) -> Event:
    from datetime import UTC, datetime

    event["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _name_event(_logger: Any, _method: str, event: Event) -> Event:
    """Keep the rule that ``event`` is a name that a machine can count on; free text goes to ``message``."""
    text = str(event.get("event", ""))
    if not _EVENT_NAME.fullmatch(text):
        event["message"], event["event"] = text, FREE_TEXT
    return event


def _redact_record(_logger: Any, _method: str, event: Event) -> Event:
    result = redact(event)
    assert isinstance(result, dict)
    return result


def _to_stdlib(_logger: Any, _method: str, event: Event) -> tuple[tuple[str], dict[str, Any]]:
    """Readable for a foreign handler (Prefect's, pytest's), structured for ours."""
    hidden = {"event", "level", "logger", "timestamp"}
    text = " ".join([str(event["event"]), *(f"{key}={value}" for key, value in event.items() if key not in hidden)])
    return (text,), {"extra": {"govflow": dict(event)}}
