"""The columns beside a record that repeat what its body says, so that a database can search by them.

They are part of no hash. Whoever verifies compares them with the body: else a record could be hidden from every search
without being changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from govflow.audit.record import Copies

_SECOND: Final = len("2026-01-01T00:00:00")


def moment_of(text: str) -> int:
    """The time of a body in microseconds since 1970.

    Raises:
        ValueError: it is not spelled as :func:`govflow.audit.body.make_body` spells it.
    """
    if len(text) != _SECOND + 8 or text[_SECOND] != "." or text[-1] != "Z":
        raise ValueError("the time of the body is not spelled as times are")
    return _second(text[:_SECOND]) + int(text[_SECOND + 1 : -1])


def rule_in(payload: Mapping[str, Any]) -> str | None:
    """The rule that decided, of a record that says one: a copy to search by, as event and subject are."""
    rule = payload.get("rule")
    return rule if isinstance(rule, str) else None


def same_rule(body: Mapping[str, Any], column: str | None) -> bool:
    """Whether the column is the rule that a body says.

    Records from before there was the column got theirs from :mod:`govflow.store.migrations.versions.0010_searching`,
    which leaves it out where the rule is empty or no text of a database.
    """
    rule = rule_in(body["payload"])
    return rule == column or (column is None and rule is not None and (not rule or "\0" in rule))


def differing(body: Mapping[str, Any], copies: Copies) -> str | None:
    """The name of the first column that does not say what the body says; None if all do."""
    for name in ("writer", "writer_seq", "event", "subject", "run_id"):
        if body.get(name) != getattr(copies, name):
            return name
    if not same_rule(body, copies.rule):
        return "rule"
    try:
        return None if moment_of(body["at"]) == copies.at else "at"
    except (ValueError, TypeError, KeyError):
        return "at"


@lru_cache(maxsize=64)
def _second(text: str) -> int:
    """Thousands of records are of the same second."""
    return int(datetime.fromisoformat(text + "+00:00").timestamp()) * 1_000_000
