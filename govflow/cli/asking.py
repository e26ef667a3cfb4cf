"""Asking back at a terminal."""

from __future__ import annotations

import sys

from govflow.cli.output import write


def confirmed(shown: str, question: str) -> bool:
    """Show what it is about and ask; True without asking when nobody is there to answer.

    A terminal is where a person may have typed the wrong id; a script said what it meant.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    write(shown)
    sys.stdout.write(f"\n{question} [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
