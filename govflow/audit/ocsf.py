"""A record in the Open Cybersecurity Schema Framework 1.1, for tools that watch security events. It cannot be verified.

A sign-in is *Authentication* (class 3002). The schema has no class for a plan, an approval or a permit, so every other
record is a *Base Event* (class 0) whose activity is *Other*, named by our event, and what the schema does not know
stands under ``unmapped``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

VERSION: Final = "1.1.0"
_SEVERITY: Final = {
    "info": (1, "Informational"),
    "warning": (3, "Medium"),
    "error": (4, "High"),
    "critical": (5, "Critical"),
}
_OTHER: Final = 99
_SIGN_IN: Final = {"sign_in.succeeded": (1, "Success"), "sign_in.refused": (2, "Failure")}
_MAPPED: Final = frozenset({"at", "correlation", "event", "format", "severity", "tenant"})


def ocsf_event(tenant: str, seq: int, digest: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """One event; ``time`` in milliseconds since 1970.

    Args:
        tenant: whose log.
        seq: its place in the log.
        digest: its hash.
        body: parsed; empty where its bytes are no record: such an event has the time 0 and the severity Unknown.
    """
    name = body.get("event", "unreadable")
    severity, said = _SEVERITY.get(body.get("severity", ""), (0, "Unknown"))
    metadata: dict[str, Any] = {
        "version": VERSION,
        "product": {"name": "govflow", "vendor_name": "govflow"},
        "uid": str(seq),
        "sequence": seq,
        "tenant_uid": tenant,
        "event_code": name,
    }
    if body.get("correlation"):
        metadata["correlation_uid"] = body["correlation"]
    unmapped = {key: value for key, value in body.items() if key not in _MAPPED}
    return {
        **_classified(name, body),
        "severity_id": severity,
        "severity": said,
        "time": int(datetime.fromisoformat(body["at"]).timestamp() * 1000) if body else 0,
        "message": name,
        "metadata": metadata,
        "unmapped": {**unmapped, "hash": digest},
    }


def _classified(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    if name not in _SIGN_IN:
        # Of the class 0, so that the type is the activity alone: class * 100 + activity.
        classes = {"category_uid": 0, "class_uid": 0, "class_name": "Base Event", "type_uid": _OTHER}
        return {**classes, "activity_id": _OTHER, "activity_name": name}
    status, said = _SIGN_IN[name]
    return {
        "category_uid": 3,
        "class_uid": 3002,
        "class_name": "Authentication",
        "type_uid": 300201,
        "activity_id": 1,
        "activity_name": "Logon",
        "status_id": status,
        "status": said,
        "user": {"name": body["subject"]},
        "service": {"name": "govflow"},
    }
