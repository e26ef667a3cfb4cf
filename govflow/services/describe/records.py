"""A record of the audit log as one line."""

from __future__ import annotations

from typing import Any

from govflow.services.describe.escape import plain, value


def describe_record(seq: int, body: dict[str, Any] | None) -> str:
    """Place, time, severity, event, who, where and what; ``body`` is None where its bytes cannot be read."""
    if body is None:
        return f"{seq:>6}  a record that cannot be read: run govflow audit verify"
    where = " ".join(plain(body[key]) for key in ("flow", "step_id", "run_id") if body.get(key))
    payload = " ".join(f"{plain(key)}={value(item, 80)}" for key, item in body["payload"].items() if item is not None)
    at, severity, event, subject = (plain(body[key]) for key in ("at", "severity", "event", "subject"))
    return f"{seq:>6}  {at[:19]}Z  {severity:<8}  {event:<22}  {subject}  {where}  {plain(payload, 240)}".rstrip()
