"""What a command's governed runs did, from the log: the end of ``govflow run``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from govflow.audit.body import parse_body
from govflow.store import Store

_MOST: Final = 1_000_000  # records of one run that are looked at


@dataclass(frozen=True, slots=True)
class Stop:
    """A refusal: of a step, or of the run itself (``step_id`` is None).

    Attributes:
        step_id: the planned step, or what was called where no plan has it.
        code: of the refusal, such as ``approval_required``.
        reason: in words.
        stopped: whether it stopped the body; False in observe mode.
    """

    step_id: str | None
    code: str
    reason: str
    stopped: bool


@dataclass(frozen=True, slots=True)
class RunReport:
    """One governed run.

    Attributes:
        run_id: Prefect's id of the flow run.
        flow: its name; None where the log has no record of it.
        steps: bodies that were started, the flow's own among them.
        failed: type of the exception that the flow's body raised, if it did.
        closed: whether the run came to its end.
        stops: what was refused, each step and reason once.
    """

    run_id: str
    flow: str | None
    steps: int
    failed: str | None
    closed: bool
    stops: tuple[Stop, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)


def report_runs(store: Store, tenant: str, run_ids: Iterable[str]) -> list[RunReport]:
    """Read what the log holds of some runs, in the order given."""
    store.flush()
    return [_report(store, tenant, run_id) for run_id in run_ids]


def _report(store: Store, tenant: str, run_id: str) -> RunReport:
    bodies = [parse_body(entry.body) for entry in store.tail(tenant, _MOST, run_id=run_id)]
    stops: dict[tuple[str | None, str], Stop] = {}
    closed: dict[str, Any] | None = None
    for body in bodies:
        payload = body.get("payload") or {}
        if body["event"] in ("step.refused", "run.refused"):
            step_id = body.get("step_id")
            stop = Stop(step_id, str(payload["code"]), str(payload["reason"]), bool(payload["stopped"]))
            stops.setdefault((step_id, stop.reason), stop)
        elif body["event"] == "run.closed":
            closed = payload
    return RunReport(
        run_id=run_id,
        flow=next((str(body["flow"]) for body in bodies if body.get("flow")), None),
        steps=sum(body["event"] == "step.intent" for body in bodies),
        failed=closed.get("failed") if closed else None,
        closed=closed is not None,
        stops=tuple(stops.values()),
    )
