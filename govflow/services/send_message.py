"""Sending one message to one target: by Apprise, or by a notification block. Failures are told without secrets."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from types import ModuleType
from typing import Final

from govflow.errors import GovflowError, NotSent
from govflow.notify_settings import Target
from govflow.services.describe.messages import Text
from govflow.services.notification_blocks import send_by_block

_STATUS: Final = re.compile(r"error[=:]\s*(\d{3})\b")
_TALKERS: Final = ("apprise", "urllib3.connectionpool", "httpx", "httpcore.connection", "httpcore.http11")
_SAID: Final[ContextVar[list[str] | None]] = ContextVar("govflow_overheard", default=None)
_CONNECTION: Final = re.compile(r"(?i)connection|timed? ?out|refused|unreachable|socket")


def send(target: Target, text: Text) -> None:
    """Send.

    Raises:
        NotSent: it was not taken. The words hold neither an address nor what the other side said: both tell secrets.
    """
    if target.block:
        try:
            with _overheard():
                send_by_block(target.block, text)
        except GovflowError:
            raise
        except Exception as error:  # noqa: BLE001 - what a service raises may quote its address
            raise NotSent(f"The notification block failed ({type(error).__name__}).") from None
        return
    _by_apprise(target, text)


def _by_apprise(target: Target, text: Text) -> None:
    apprise = _apprise()
    service = apprise.Apprise()
    with _overheard() as said:
        if not service.add(target.url.get_secret_value()):
            raise NotSent("Apprise does not know such an address.", mend="Look at its SCHEME://, and what it needs.")
        taken = service.notify(title=text.title, body=text.body, body_format=apprise.NotifyFormat.TEXT)
    if not taken:
        raise NotSent(f"The service did not take it: {_why(' '.join(said))}.")


@cache
def _apprise() -> ModuleType:
    """Apprise with its services loaded: it loads them late, and an import of one of them warns of its own age."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import apprise

            apprise.Apprise.instantiate("json://localhost")
    except ModuleNotFoundError:
        raise NotSent("Apprise is not installed.", mend="pip install 'govflow[notify]'") from None
    module: ModuleType = apprise
    return module


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What is logged by this thread while it sends: it names addresses and texts, and goes nowhere but here."""
    for name in _TALKERS:
        logging.getLogger(name).addFilter(_overhear)  # once, however often
    said: list[str] = []
    reset = _SAID.set(said)
    try:
        yield said
    finally:
        _SAID.reset(reset)


def _overhear(record: logging.LogRecord) -> bool:
    said = _SAID.get()
    if said is None:
        return True
    if record.levelno >= logging.WARNING:
        said.append(record.getMessage())
    return False


def _why(said: str) -> str:
    status = _STATUS.search(said)
    if status:
        return f"it answered {status[1]}"
    return "it could not be reached" if _CONNECTION.search(said) else "it gave no reason that can be shown"
