"""What the log says of a run: how it was opened, whether it is open still, and what was done in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from govflow.audit.body import parse_body
from govflow.store.store import Store

_OPENS: Final = ("ir.validated_pass", "ir.validated_escalate", "ir.validated_reject")
_ENDS: Final = ("run.closed", "run.refused")
_MOST: Final = 100_000  # records of one kind that are read of a run


@dataclass(frozen=True, slots=True)
class RunOpening:
    """The record that opened a run's last attempt."""

    at: datetime
    subject: str
    flow: str | None
    payload: Mapping[str, Any]


def opening_of(store: Store, tenant: str, run_id: str) -> RunOpening | None:
    """How a run was opened last; None if it never was, or has ended since."""
    entry = store.last(tenant, run_id, _OPENS + _ENDS)
    body = None if entry is None else parse_body(entry.body)
    if body is None or body["event"] in _ENDS:
        return None
    return RunOpening(datetime.fromisoformat(body["at"]), body["subject"], body.get("flow"), body["payload"])


def earlier_steps(
    store: Store, tenant: str, run_id: str, attempt: int, executor: str
) -> dict[str, list[dict[str, Any]]]:
    """What other processes than ``executor`` did under one attempt of a run, in its steps of tier 2 and 3.

    Returns:
        By step: ``call`` (a digest of the parameters, or None), ``state`` (``succeeded``, ``failed``, or ``open`` where
        only the intent is on record) and ``at`` of each call.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for entry in store.tail(tenant, _MOST, run_id=run_id, event="step.intent"):
        body = parse_body(entry.body)
        said = body["payload"]
        if said.get("run_attempt") == attempt and said.get("executor") not in (None, executor):
            call = {"call": said.get("call"), "state": "open", "at": body["at"]}
            found.setdefault(body["step_id"], {})[said["task_run_id"]] = call
    if found:
        for entry in store.tail(tenant, _MOST, run_id=run_id, event="step.outcome"):
            body = parse_body(entry.body)
            call = found.get(body["step_id"], {}).get(body["payload"]["task_run_id"], {})
            call["state"] = body["payload"]["state"]
    return {step_id: list(calls.values()) for step_id, calls in found.items()}
