"""A record as a CloudEvent (CloudEvents 1.0.2, JSON format). It cannot be verified: the hashed bytes are not in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote


def cloudevent(tenant: str, seq: int, digest: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """One event. ``source`` and ``id`` together name a record once and for all: its tenant and its place.

    ``sequence`` is the extension of that name, as text in the order of numbers; ``recordhash`` is the record's hash.

    Args:
        tenant: whose log.
        seq: its place in the log.
        digest: its hash.
        body: parsed; empty where its bytes are no record.
    """
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(seq),
        "source": f"/govflow/{quote(tenant, safe='', errors='backslashreplace')}",
        "type": f"govflow.{body.get('event', 'unreadable')}",
        "sequence": f"{seq:020}",
        "recordhash": digest,
    }
    about = body.get("step_id") or body.get("run_id")
    if about:
        event["subject"] = about
    if body:
        event |= {"time": body["at"], "datacontenttype": "application/json", "data": dict(body)}
    return event
