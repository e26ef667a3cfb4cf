"""A record as one row of a table, for spreadsheets. It cannot be verified: the hashed bytes are not in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

COLUMNS: Final = (
    *("seq", "at", "event", "severity", "subject", "run_id", "flow", "step_id", "attempt", "correlation"),
    *("rule", "tier", "verdict", "payload", "commitments", "hash"),
)
"""Names of the columns, in their order. ``payload`` is JSON; ``commitments`` are names of values, never values."""
NUMBERS: Final = frozenset({"seq", "attempt", "tier"})
"""Columns that hold whole numbers; all others hold text."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def flat_record(seq: int, digest: str, body: Mapping[str, Any]) -> dict[str, str | int | None]:
    """One row. What a record does not say is None.

    Args:
        seq: its place in the log.
        digest: its hash.
        body: parsed; empty where its bytes are no record.
    """
    payload = body.get("payload", {})
    row: dict[str, str | int | None] = {name: _cell(name, body.get(name)) for name in COLUMNS}
    row |= {name: _cell(name, payload.get(name)) for name in ("rule", "tier", "verdict")}
    if row["rule"] is None:
        row["rule"] = _rules(payload.get("steps"))
    row["payload"] = orjson.dumps(payload, option=orjson.OPT_SORT_KEYS).decode() if body else None
    row["commitments"] = " ".join(sorted(body.get("commitments", ()))) or None
    return row | {"seq": seq, "hash": digest}


def csv_lines(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Lines of comma-separated values (RFC 4180) in the order of :data:`COLUMNS`.

    A text that a spreadsheet would take for a formula gets an apostrophe before it: names of subjects and flows come
    from outside, and whoever opens the file is not to run what they say.
    """
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_harmless(row[name]) for name in COLUMNS] for row in rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def csv_header() -> bytes:
    """The first line."""
    return csv_lines([{name: name for name in COLUMNS}])


def _cell(name: str, value: object) -> str | int | None:
    if name in NUMBERS:  # 64 bits, as columns of numbers have them
        return value if type(value) is int and abs(value) < 1 << 63 else None
    return value if isinstance(value, str) else None


def _rules(steps: object) -> str | None:
    """The rules of a plan's steps, each once, with blanks between them: a record of a plan has one for each step."""
    said = steps.values() if isinstance(steps, Mapping) else ()
    rules = {step.get("rule") for step in said if isinstance(step, Mapping)}
    return " ".join(sorted(rule for rule in rules if isinstance(rule, str))) or None


def _harmless(value: object) -> object:
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value
