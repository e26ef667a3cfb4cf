"""What ran against what was planned.

    report = compare(plan, graph, hints)
    report.conforms

Values in, values out: the plan was read from source, the graph from an engine's records or from govflow's own log. The
same comparison serves a person who looks at yesterday's run, a test that checks the planner, and a run that ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from govflow.ir.assignment import Assignment, Fit, assign
from govflow.ir.execution import Executed, ExecutedEdge, ExecutedGraph, Hints, Link, PlannedEdge, RunState
from govflow.ir.models import EdgeKind, Plan, StepKind


@dataclass(frozen=True, slots=True)
class Misfit:
    """A call that the plan does not have."""

    call: Executed
    reason: str
    step_id: str | None = None


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A recorded edge that the plan does not have, with the steps at its ends."""

    edge: ExecutedEdge
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the planned edges between mandatory steps were recorded."""

    planned: int
    executed: int
    untold: int  # no record could show them: the result was None, a boolean or a small number

    @property
    def ratio(self) -> float:
        """Between 0 and 1; 1 where nothing had to be recorded."""
        told = self.planned - self.untold
        return self.executed / told if told else 1.0


@dataclass(frozen=True, slots=True)
class Conformance:
    """The answer."""

    run_id: str
    flow: str
    state: RunState
    exact: bool  # every call of a task was known by its step id, none by its function's name
    steps: int  # planned tasks and subflows
    mandatory: int
    calls: tuple[Executed, ...]
    assigned: Mapping[str, str]  # run id to step id
    unplanned: tuple[Misfit, ...]
    unread: tuple[Misfit, ...]
    uncovered: tuple[Uncovered, ...]
    missing: tuple[str, ...]
    edges: int  # recorded
    shared: int  # recorded edges to a value that no step made, or another one: the two had the same object
    share: Share  # of direct edges between mandatory steps
    share_of_all: Share  # of all edges between mandatory steps, derived values too

    @property
    def conforms(self) -> bool:
        """Every call and every recorded edge is planned, and no mandatory step is missing."""
        return not (self.unplanned or self.unread or self.uncovered or self.missing)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "run_id": self.run_id,
            "flow": self.flow,
            "state": str(self.state),
            "conforms": self.conforms,
            "exact": self.exact,
            "steps": {
                "planned": self.steps,
                "mandatory": self.mandatory,
                "executed": len(set(self.assigned.values())),
            },
            "calls": {"recorded": len(self.calls), **Counter(str(call.state) for call in self.calls)},
            "edges": {"recorded": self.edges, "shared": self.shared},
            "mandatory_edges": _share_dict(self.share),
            "mandatory_edges_with_derived": _share_dict(self.share_of_all),
            "unplanned": [_misfit_dict(item) for item in self.unplanned],
            "unread": [_misfit_dict(item) for item in self.unread],
            "uncovered": [
                {"source": item.source, "target": item.target, "link": str(item.edge.link)} for item in self.uncovered
            ],
            "missing": list(self.missing),
        }


def _share_dict(share: Share) -> dict[str, Any]:
    return {
        "planned": share.planned,
        "executed": share.executed,
        "untold": share.untold,
        "share": round(share.ratio, 4),
    }


def _misfit_dict(item: Misfit) -> dict[str, Any]:
    return {"run_id": item.call.run_id, "name": item.call.name, "step_id": item.step_id, "reason": item.reason}


def compare(plan: Plan, graph: ExecutedGraph, hints: Hints | None = None) -> Conformance:
    """Hold what was recorded against the plan."""
    hints = hints or Hints()
    fit = Fit(plan, hints, attempts=graph.attempts)
    found = assign(graph, fit)
    unplanned, unread = _misfits(plan, graph, found, fit)
    uncovered, shared = _uncovered(graph, found, fit)
    mandatory = frozenset(step_id for step_id in fit.steps if fit.is_mandatory(step_id))
    reached = frozenset(found.steps.values())
    done = graph.state is RunState.COMPLETED
    shares = [_share(graph, found, plan, mandatory & reached, wanted) for wanted in (hints.direct, None)]
    return Conformance(
        run_id=graph.run_id,
        flow=graph.flow,
        state=graph.state,
        exact=all(call.step_ids or call.subflow_run for call in graph.calls),
        steps=sum(step.kind in (StepKind.TASK, StepKind.SUBFLOW) for step in plan.steps),
        mandatory=len(mandatory),
        calls=graph.calls,
        assigned=found.steps,
        unplanned=tuple(unplanned),
        unread=tuple(unread),
        uncovered=tuple(uncovered),
        missing=tuple(step_id for step_id in fit.steps if step_id in mandatory - reached) if done else (),
        edges=len(graph.edges),
        shared=shared,
        share=shares[0],
        share_of_all=shares[1],
    )


def _misfits(plan: Plan, graph: ExecutedGraph, found: Assignment, fit: Fit) -> tuple[list[Misfit], list[Misfit]]:
    """Calls without a step, calls too many, and calls that only an unresolved step could have made."""
    unplanned: list[Misfit] = []
    unread: list[Misfit] = []
    hidden = next((step.step_id for step in plan.steps if step.kind is StepKind.UNRESOLVED), None)
    used: set[str] = set()
    for call in graph.calls:
        step_id = found.steps.get(call.run_id)
        if step_id is None and call.step_ids:
            unplanned.append(Misfit(call, f"its log names {', '.join(sorted(call.step_ids))}, which is not planned"))
        elif step_id is None and hidden is not None:
            unread.append(Misfit(call, "no step calls it by name; a call that could not be read may have", hidden))
        elif step_id is None:
            unplanned.append(Misfit(call, f"no step of the plan calls {call.callee}"))
        elif step_id in used and fit.runs_once(step_id) and hidden is not None:
            unread.append(Misfit(call, "every step that calls it has its call; one that could not be read may", hidden))
        elif step_id in used and fit.runs_once(step_id):
            unplanned.append(Misfit(call, f"{call.callee} was called more often than planned", step_id))
        else:
            used.add(step_id)
    return unplanned, unread


def _uncovered(graph: ExecutedGraph, found: Assignment, fit: Fit) -> tuple[list[Uncovered], int]:
    """Recorded edges that no planned edge covers, and how many of the others only share an object."""
    steps = found.steps
    known = [edge for edge in graph.edges if edge.source in steps and edge.target in steps]
    loose = [edge for edge in known if not fit.allows(edge.link, steps[edge.source], steps[edge.target])]
    shared = {edge for edge in loose if fit.may_share(edge, steps[edge.source], steps[edge.target])}
    left = [Uncovered(edge, steps[edge.source], steps[edge.target]) for edge in loose if edge not in shared]
    return left, len(shared)


def _share(
    graph: ExecutedGraph, found: Assignment, plan: Plan, ends: frozenset[str], wanted: Iterable[PlannedEdge] | None
) -> Share:
    """Planned edges between these steps that the record shows."""
    kinds = {Link.DATA: EdgeKind.DATA, Link.ORDER: EdgeKind.ORDER}
    recorded = {
        (found.steps[edge.source], found.steps[edge.target], kinds[edge.link])
        for edge in graph.edges
        if edge.link in kinds and edge.source in found.steps and edge.target in found.steps
    }
    dull = {found.steps[call.run_id] for call in graph.calls if not call.trackable and call.run_id in found.steps}
    planned = {(edge.source, edge.target, edge.kind) for edge in plan.edges}
    planned = {edge for edge in planned if edge[0] in ends and edge[1] in ends}
    if wanted is not None:
        planned &= frozenset(wanted)
    executed = planned & recorded
    untold = {edge for edge in planned - recorded if edge[0] in dull}
    return Share(len(planned), len(executed), len(untold))
