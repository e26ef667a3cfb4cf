"""What the log says of one run from its first record to its last."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from govflow.audit.body import parse_body
from govflow.store.store import Store

_OPENS: Final = frozenset({"ir.validated_pass", "ir.validated_escalate", "ir.validated_reject"})
_MOST: Final = 1_000_000  # records of one run
_WAITED_FOR: Final = 2  # from this tier on, an intent is durable before its body


class LoggedEnd(StrEnum):
    """How a run stands in the log."""

    UNKNOWN = "unknown"  # no record of it
    OPEN = "open"
    REFUSED = "refused"
    FAILED = "failed"
    DONE = "done"


@dataclass(slots=True)
class RunHistory:
    """One run, all its attempts."""

    end: LoggedEnd = LoggedEnd.UNKNOWN
    mode: str = ""
    uncertain: set[str] = field(default_factory=set)  # steps from tier 2 on whose body may have run half
    told: set[tuple[str, str]] = field(default_factory=set)  # findings on record: rule and the engine's state

    def take(self, body: dict[str, Any], begun: dict[tuple[str, str], str]) -> None:
        """Go on by one record. ``begun`` holds the intents that have no outcome yet."""
        event, payload = body["event"], body.get("payload", {})
        call = (str(payload.get("task_run_id", "")), str(body.get("attempt", 1)))
        if event in _OPENS:
            self.end, self.mode = LoggedEnd.OPEN, str(payload.get("mode", ""))
        elif event == "run.refused":
            self.mode = str(payload.get("mode", self.mode))
            self.end = LoggedEnd.REFUSED if payload.get("stopped") else LoggedEnd.OPEN
        elif event == "run.closed":
            self.end = LoggedEnd.FAILED if payload.get("failed") or payload.get("missing") else LoggedEnd.DONE
        elif event == "step.intent" and int(payload.get("tier", 0)) >= _WAITED_FOR:
            begun[call] = str(body.get("step_id", ""))
        elif event == "step.outcome":
            begun.pop(call, None)
        elif event == "run.reconciled":
            self.told.add((str(payload.get("code")), str(payload.get("state_id"))))


def history_of(store: Store, tenant: str, run_id: str) -> RunHistory:
    """Read all records of a run. Records that still lie in a spool are brought to the log first."""
    found, begun = RunHistory(), dict[tuple[str, str], str]()
    for entry in store.tail(tenant, _MOST, run_id=run_id):
        found.take(parse_body(entry.body), begun)
    found.uncertain = set(begun.values())
    return found
