"""Flows that somebody wrote who has never seen the planner, run on Prefect and held against their plans."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from govflow.ir.conformance import Conformance, compare
from govflow.ir.execution import ExecutedGraph, Hints, Link
from govflow.ir.models import Edge, EdgeKind, Plan, StepKind
from govflow.planning.planner import PlannedFlow, plan_flow
from govflow.prefect.recorded import read_run
from govflow.sources import WorkingTree
from tests.conform.running import run_flow, settled

CORPUS = Path(__file__).parents[1] / "conform" / "flows"
ENTRIES: list[dict[str, Any]] = json.loads((CORPUS / "corpus.json").read_text())
RUNNING = [(str(entry["file"]), str(entry["flow"])) for entry in ENTRIES if entry["runs"]]
UNREADABLE = {
    ("dispatch_by_name.py", "run_script"): "the name that getattr looks up is computed",
}
"""Flows that call by a name that only a run knows. Their unresolved steps say so."""

GOAL = 0.95
LATE = 240.0  # seconds

# Somebody's flows may warn as they like.
pytestmark = [pytest.mark.filterwarnings("ignore")]


@dataclass(frozen=True)
class Case:
    planned: PlannedFlow
    graph: ExecutedGraph

    def report(self, plan: Plan | None = None, hints: Hints | None = None) -> Conformance:
        return compare(plan or self.planned.plan, self.graph, hints or self.planned.hints)


class Runs:
    """Each flow is run once in a session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[str, str], Case] = {}

    def __getitem__(self, name: tuple[str, str]) -> Case:
        if name not in self._known:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(self._folder)
                run_id = run_flow(CORPUS, *name)
            planned = plan_flow(WorkingTree(CORPUS), *name)
            self._known[name] = _whole(run_id, planned)
        return self._known[name]


def _whole(run_id: str, planned: PlannedFlow) -> Case:
    """The record with all that the plan is sure of; a busy server writes the last of it seconds later."""
    end = time.monotonic() + LATE
    while True:
        case = Case(planned, settled(run_id, read_run))
        if not case.report().missing or time.monotonic() > end:
            return case


@pytest.fixture(scope="module")
def runs(prefect_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("somewhere"))


def test_the_corpus_is_large_enough() -> None:
    assert len(RUNNING) >= 40


@pytest.mark.parametrize("name", RUNNING, ids=[":".join(name) for name in RUNNING])
def test_what_ran_was_planned(runs: Runs, name: tuple[str, str]) -> None:
    case = runs[name]
    report = case.report()
    assert report.calls, "nothing was recorded"
    assert not report.unplanned
    assert not report.uncovered
    assert not report.missing
    if name in UNREADABLE:
        reasons = {step.reason for step in case.planned.plan.steps if step.kind is StepKind.UNRESOLVED}
        assert report.unread and UNREADABLE[name] in reasons
    else:
        assert not report.unread


def test_nearly_all_edges_between_mandatory_steps_were_executed(
    runs: Runs, capsys: pytest.CaptureFixture[str], record_property: Any
) -> None:
    reports = [runs[name].report() for name in RUNNING]
    direct, every = _share(reports, "share"), _share(reports, "share_of_all")
    edges, shared = sum(report.edges for report in reports), sum(report.shared for report in reports)
    for name, value in (("direct", direct), ("with derived", every), ("recorded", edges), ("shared", shared)):
        record_property(name, value)
    with capsys.disabled():
        print(
            f"\n{len(reports)} flows, {sum(len(report.calls) for report in reports)} calls, {edges} recorded edges"
            f" ({shared} only share an object); planned edges between mandatory steps executed: {direct:.1%} of those"
            f" that hand a value on as it is, {every:.1%} of all"
        )
    assert direct >= GOAL
    # Edges through computed values are not in Prefect's record; a plan is not made of those.
    assert every >= 0.9


def test_plans_with_every_edge_do_not_pass(runs: Runs) -> None:
    everything = []
    for name in RUNNING:
        case = runs[name]
        names = [step.step_id for step in case.planned.plan.steps if step.kind in (StepKind.TASK, StepKind.SUBFLOW)]
        edges = tuple(Edge(source=a, target=b) for a in names for b in names if a != b)
        plan = case.planned.plan.model_copy(update={"edges": edges})
        everything.append(case.report(plan, Hints(None, case.planned.hints.closed, case.planned.hints.names)))
    assert _share(everything, "share") < GOAL / 2
    assert _share(everything, "share_of_all") < GOAL / 2


@pytest.mark.parametrize("name", RUNNING, ids=[":".join(name) for name in RUNNING])
def test_a_plan_that_lost_a_step_or_an_edge_does_not_pass(runs: Runs, name: tuple[str, str]) -> None:
    case = runs[name]
    plan, report = case.planned.plan, case.report()
    names = case.planned.hints.names

    def alone(step_id: str) -> bool:
        return sum(bool(names[step_id] & other) for other in names.values()) == 1

    for lost in set(report.assigned.values()):
        kept = tuple(step for step in plan.steps if step.step_id != lost)
        edges = tuple(edge for edge in plan.edges if lost not in (edge.source, edge.target))
        if alone(lost):  # where another site calls a function of that name, a record may fit that one as well
            assert not case.report(plan.model_copy(update={"steps": kept, "edges": edges})).conforms, lost
    kinds = {Link.DATA: EdgeKind.DATA, Link.ORDER: EdgeKind.ORDER}
    for edge in case.graph.edges:
        ends = report.assigned.get(edge.source, ""), report.assigned.get(edge.target, "")
        gone = (*ends, kinds.get(edge.link))
        if gone not in {(e.source, e.target, e.kind) for e in plan.edges}:
            continue
        if all(map(alone, ends)):
            edges = tuple(e for e in plan.edges if (e.source, e.target, e.kind) != gone)
            assert not case.report(plan.model_copy(update={"edges": edges})).conforms, gone


def _share(reports: list[Conformance], name: str) -> float:
    shares = [getattr(report, name) for report in reports]
    told = sum(share.planned - share.untold for share in shares)
    return sum(share.executed for share in shares) / told if told else 1.0
