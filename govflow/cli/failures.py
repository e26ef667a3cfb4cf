"""How a command says that it failed: one line on stderr, what to do next, an exit code. Never a bare traceback."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from cyclopts import CycloptsError

from govflow.errors import GovflowError, Refused
from govflow.telemetry import redact_text

_DEBUG_HINT = "GOVFLOW_DEBUG=1 for the traceback"


def report(error: BaseException, stream: TextIO | None = None) -> int:
    """Write ``error`` for a person and return the exit code that belongs to it.

    ``Refused`` is an answer (1); everything else means that the command could not do its work (2).
    """
    out = stream or sys.stderr
    if debugging():
        import traceback

        out.write(redact_text("".join(traceback.format_exception(error))))
    if isinstance(error, GovflowError):
        _write(out, error.code, error.message, error.mend)
        return 1 if isinstance(error, Refused) else 2
    if isinstance(error, CycloptsError):
        # "Tokens: …" would be taken for a secret, and hidden.
        _write(
            out,
            "usage",
            str(error).replace("Unused Tokens:", "Nothing takes these words:"),
            "govflow --help, or --help after a command, shows what there is.",
        )
        return 2
    _write(out, "internal", f"{type(error).__name__}: {error}", _DEBUG_HINT)
    return 2


def debugging() -> bool:
    """Whether the user asked for tracebacks. Read from the environment: settings may be what is broken."""
    return os.environ.get("GOVFLOW_DEBUG", "").lower() in {"1", "true", "yes", "on", "t", "y"}


def _write(out: TextIO, code: str, message: str, mend: str) -> None:
    """A message may quote somebody's file: no secrets, no control characters."""
    colour = _colours(out)
    head = f"\x1b[1;31merror[{code}]:\x1b[0m" if colour else f"error[{code}]:"
    out.write(f"{head} {_plain(message)}\n")
    if mend:
        out.write(f"  mend: {_plain(mend)}\n")


def _plain(text: str) -> str:
    lines = redact_text(text).splitlines() or [""]
    return "\n    ".join("".join(letter if letter.isprintable() else "�" for letter in line) for line in lines)


def _colours(out: TextIO) -> bool:
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
