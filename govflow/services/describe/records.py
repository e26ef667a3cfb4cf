"""A record of the audit log as one line."""

from __future__ import annotations

import re
from typing import Any, Final

from govflow.services.describe.escape import plain, value

_FIRST: Final = ("verdict", "tier", "rule", "code", "reason")
"""What is asked first of a record, and so is not what a long line leaves out."""

_DIGEST: Final = re.compile(r"\b(sha256:[0-9a-f]{12})[0-9a-f]{52}\b")


def describe_record(seq: int, body: dict[str, Any] | None) -> str:
    """Place, time, severity, event, who, where and what; ``body`` is None where its bytes cannot be read.

    Digests are cut to their first 12 digits, and what is empty is left out: JSON has all of it.
    """
    if body is None:
        return f"{seq:>6}  a record that cannot be read: run govflow audit verify"
    place = "step_id" if body.get("step_id") else "flow"  # a step's id begins with its flow
    where = " ".join(plain(body[key]) for key in (place, "run_id") if body.get(key))
    said = {key: item for key, item in body["payload"].items() if item not in (None, "", [], {})}
    keys = [*(key for key in _FIRST if key in said), *(key for key in said if key not in _FIRST)]
    payload = " ".join(f"{plain(key)}={value(_short(said[key]), 80)}" for key in keys)
    at, severity, event, subject = (plain(body[key]) for key in ("at", "severity", "event", "subject"))
    return f"{seq:>6}  {at[:19]}Z  {severity:<8}  {event:<22}  {subject}  {where}  {plain(payload, 240)}".rstrip()


def _short(item: Any) -> Any:
    return _DIGEST.sub(r"\1…", item) if isinstance(item, str) else item
