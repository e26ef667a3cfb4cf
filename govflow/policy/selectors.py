"""Selectors: how rules name people.

``user:NAME``, ``role:ROLE``, ``group:GROUP``, ``team:TEAM``, ``tenant:TENANT``; ``*`` is everyone.

Selectors are compared exactly. They are facts about a subject, not attributes: a role that someone does not hold is
not a missing value, and a rule for that role does not apply to them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from govflow.policy.places import did_you_mean

EVERYONE: Final = "*"
SUBJECT_KINDS: Final = ("user", "role", "group", "team", "tenant")
APPROVER_KINDS: Final = ("user", "role", "group")

PRINCIPAL_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
"""The names that :class:`govflow.identity.Principal` takes; a test holds the two together."""

_VALUE: Final = re.compile(r"[^\s*?]+")


def selector_problem(selector: str, kinds: Collection[str]) -> tuple[str, str] | None:
    """What is wrong with a selector and how to mend it; ``None`` if nothing is.

    Args:
        selector: the text of the rule.
        kinds: the kinds that are allowed in this place.
    """
    if selector == EVERYONE:
        return None
    kind, mark, value = selector.partition(":")
    forms = ", ".join(f"{known}:NAME" for known in kinds)
    if not mark:
        return f"{selector!r} is not a selector", f"Write {forms} or '*'."
    if kind not in kinds:
        return f"unknown kind of selector {kind!r}", did_you_mean(kind, kinds)
    if kind == "user" and not PRINCIPAL_NAME.fullmatch(value):
        return f"{selector!r} names nobody", "Write user: and the name of a person, without wildcards."
    if not _VALUE.fullmatch(value):
        return f"{selector!r} names nothing", f"Write {kind}: and one name, without spaces or wildcards."
    return None
