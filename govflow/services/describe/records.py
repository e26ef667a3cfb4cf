"""A record of the audit log as one line."""

from __future__ import annotations

from typing import Any, Final

from govflow.services.describe.escape import plain, value

_FIRST: Final = ("verdict", "tier", "rule", "code", "reason")
"""What is asked first of a record, and so is not what a long line leaves out."""


def describe_record(seq: int, body: dict[str, Any] | None) -> str:
    """Place, time, severity, event, who, where and what; ``body`` is None where its bytes cannot be read."""
    if body is None:
        return f"{seq:>6}  a record that cannot be read: run govflow audit verify"
    where = " ".join(plain(body[key]) for key in ("flow", "step_id", "run_id") if body.get(key))
    said = {key: item for key, item in body["payload"].items() if item is not None}
    keys = [*(key for key in _FIRST if key in said), *(key for key in said if key not in _FIRST)]
    payload = " ".join(f"{plain(key)}={value(said[key], 80)}" for key in keys)
    at, severity, event, subject = (plain(body[key]) for key in ("at", "severity", "event", "subject"))
    return f"{seq:>6}  {at[:19]}Z  {severity:<8}  {event:<22}  {subject}  {where}  {plain(payload, 240)}".rstrip()
