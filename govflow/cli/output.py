"""What a command writes to stdout: text that is coloured on a terminal only, or one JSON document."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

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


def write(text: str) -> None:
    """Write a report. Colours only when stdout is a terminal and NO_COLOR is not set."""
    if text and not text.endswith("\n"):
        text += "\n"
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        sys.stdout.write(text)
        return
    from rich.console import Console
    from rich.text import Text

    styled = Text(text)
    for pattern, style in _STYLES:
        styled.highlight_regex(pattern, style)
    Console(file=sys.stdout, highlight=False).print(styled, end="", soft_wrap=True)


def write_json(document: Any) -> None:
    """Write one JSON document, indented, in the order of its keys."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")


@contextmanager
def progress(what: str, after: float = _SLOW) -> Iterator[None]:
    """Say on stderr what is being done, once it has taken longer than ``after`` seconds."""
    timer = threading.Timer(after, lambda: print(f"{what} …", file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
