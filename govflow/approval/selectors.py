"""Whom a list of approvers names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

EVERYONE: Final = "*"
USER: Final = "user:"
MACHINE: Final = "kind:machine"
"""Among what a machine account is, and in no rule."""


def names(approvers: Iterable[str], name: str, selectors: frozenset[str]) -> bool:
    """Whether one of the approvers is this person.

    Args:
        approvers: ``user:`` entries are compared with ``name``, others with ``selectors``, exactly; ``*`` is
            every person: a machine account is none, so it is let in where it is named.
        name: of the person.
        selectors: what the person is: ``role:admin``, ``group:night``. A ``user:`` selector in it is not looked at, so
            that nobody is let in under a name that is not the one recorded with the vote.
    """
    for approver in approvers:
        if approver == EVERYONE:
            if MACHINE not in selectors:
                return True
        elif approver.startswith(USER):
            if approver.removeprefix(USER) == name:
                return True
        elif approver in selectors:
            return True
    return False
