"""What a command writes to stdout: text that is coloured on a terminal only, or one JSON document."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from govflow.errors import RequestError

if TYPE_CHECKING:
    from rich.text import Text

_RULE: Final = re.compile(r"\bGF\d{3}\b")
_SLOW: Final = 2.0  # seconds before a person is told what takes so long

# Words that carry a verdict, and the marks that reports put at the start of a line.
_STYLES: Final = (
    (r"\b(pass|verified|ok|approved|exercised|clean)\b", "green"),
    (r"\b(escalate|pending|warn|warning)\b", "yellow"),
    (r"\b(reject|denied|fail|error|tampered|expired|revoked|voided|refused)\b", "bold red"),
    (r"(?m)^\s*\+ .*$", "green"),
    (r"(?m)^\s*- .*$", "red"),
    (r"(?m)^\s*[~>] .*$", "yellow"),
    (r"(?m)^\S.*:$", "bold"),
)


def write(text: str, *, coloured: bool = True) -> None:
    """Write a report. Colours and links only when it may have them, stdout is a terminal and NO_COLOR is not set."""
    if text and not text.endswith("\n"):
        text += "\n"
    if not coloured or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        sys.stdout.write(text)
        return
    from rich.console import Console
    from rich.text import Text

    styled = Text(text)
    for pattern, style in _STYLES:
        styled.highlight_regex(pattern, style)
    _link_rules(styled)
    Console(file=sys.stdout, highlight=False).print(styled, end="", soft_wrap=True)


def _link_rules(styled: Text) -> None:
    """Rule ids lead to their page, which lies on this machine."""
    from importlib.resources import files

    pages = Path(str(files("govflow.services").joinpath("rules")))
    for found in _RULE.finditer(styled.plain):
        page = pages / f"{found.group()}.md"
        if page.is_file():
            styled.stylize(f"link {page.as_uri()}", *found.span())


def write_json(document: Any) -> None:
    """Write one JSON document, indented, in the order of its keys."""
    sys.stdout.write(json_text(document))


def json_text(document: Any) -> str:
    """One JSON document, indented, in the order of its keys."""
    import orjson

    try:
        # Many times faster, and the same text for what reports hold.
        return orjson.dumps(document, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode() + "\n"
    except TypeError:  # a whole number beyond 64 bits, or text that is no Unicode
        return json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n"


def deliver(text: str, file: Path | None) -> None:
    """Write a report to a file, or to stdout as :func:`write` does.

    Raises:
        RequestError: the file cannot be written.
    """
    if file is None:
        write(text)
        return
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise RequestError(
            f"{file} cannot be written: {error.strerror or error}.", mend="Give --output another place."
        ) from None


@contextmanager
def progress(what: str, after: float = _SLOW) -> Iterator[None]:
    """Say on stderr what is being done, when that is a terminal and it has taken longer than ``after`` seconds.

    What a file or another program reads holds the same lines however fast the machine was.
    """
    if not sys.stderr.isatty():
        yield
        return
    timer = threading.Timer(after, lambda: print(f"{what} …", file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on stderr, when that is a terminal: the function that is given takes what is done and what there is.

    ``None`` where nobody knows how much there is.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
