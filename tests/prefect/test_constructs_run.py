"""Each construct that the planner follows, in flows of its own that are run on Prefect and held against their plans."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from govflow.ir.conformance import Conformance, Share, compare
from govflow.ir.execution import ExecutedGraph, Hints
from govflow.ir.models import Edge, StepKind
from govflow.planning.planner import PlannedFlow, plan_flow
from govflow.prefect.recorded import read_run
from govflow.sources import WorkingTree
from tests.conform.listed import Listed, flows_of
from tests.conform.running import all_settled, module_of, run_in_script, run_named
from tests.conform.serving import run_of, script, until_deployed

CONSTRUCTS = Path(__file__).parents[1] / "conform" / "constructs"
FLOWS = flows_of(CONSTRUCTS)
DEPLOYED, SCRIPT = "deploying.py", "guarded.py"
SERVING = (DEPLOYED, "background.py")  # a deployment, tasks
SERVED = "deploying.py:served"  # its script serves it, and the flows beside it start it

NOT_RUN: dict[str, str] = {}
"""Flows that cannot run here, with the reason. Task workers, served deployments and scripts are started."""

UNREAD = {
    "unreadable.py:computed_name_in_globals": "the name is a parameter",
    "unreadable.py:given_at_run_time": "the task is a parameter",
    "unreadable.py:submitted_at_run_time": "the task is a parameter",
    "unreadable.py:listed_at_run_time": "the task is a parameter",
    "unreadable.py:code_in_a_string": "the code is a text",
}
"""Flows whose calls only a run knows, with what the source does not tell. Their plans have an unresolved step."""

GOAL = 0.95
PROCESS_SECONDS = 400.0  # a served run is a process of its own

RUNNING = tuple(listed for listed in FLOWS if listed.name not in NOT_RUN)
each_flow = pytest.mark.parametrize("listed", RUNNING, ids=lambda listed: listed.name)

# Prefect warns of what some of the flows do on purpose.
pytestmark = [pytest.mark.filterwarnings("ignore")]


@dataclass(frozen=True)
class Case:
    planned: PlannedFlow
    graph: ExecutedGraph

    def report(self) -> Conformance:
        return compare(self.planned.plan, self.graph, self.planned.hints)

    def report_of_all_to_all(self) -> Conformance:
        """As if every step of the plan led to every other."""
        plan = self.planned.plan
        names = [step.step_id for step in plan.steps if step.kind in (StepKind.TASK, StepKind.SUBFLOW)]
        edges = tuple(Edge(source=a, target=b) for a in names for b in names if a != b)
        hints = Hints(None, self.planned.hints.closed, self.planned.hints.names)
        return compare(plan.model_copy(update={"edges": edges}), self.graph, hints)


class Cases:
    """Every flow is run once, with the others of its file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Case] = {}

    def __getitem__(self, listed: Listed) -> Case:
        if listed.name not in self._known:
            flows = [one for one in RUNNING if one.file == listed.file]
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(self._folder)
                self._known |= _run(listed.file, flows, self._folder / "script.log")
        return self._known[listed.name]

    def all(self) -> list[Case]:
        """Those of every flow that runs."""
        return [self[listed] for listed in RUNNING]


@pytest.fixture(scope="module")
def cases(prefect_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Cases:
    return Cases(tmp_path_factory.mktemp("somewhere"))


def _run(file: str, flows: list[Listed], log: Path) -> dict[str, Case]:
    """Run flows of one file, beside its script where that serves something."""
    with ExitStack() as stack:
        if file in SERVING:
            process = stack.enter_context(script(CONSTRUCTS / file, log))
        if file == DEPLOYED:
            until_deployed("served/here", process, log)
        module = stack.enter_context(module_of(CONSTRUCTS, file))
        run = partial(run_in_script, CONSTRUCTS, file) if file == SCRIPT else partial(run_named, module)
        runs = {listed: run(listed.flow) for listed in flows if listed.name != SERVED}
        runs |= {listed: run_of("here") for listed in flows if listed.name == SERVED}
        graphs = all_settled(runs.values(), read_run, seconds=PROCESS_SECONDS)
    return {
        listed.name: Case(plan_flow(WorkingTree(CONSTRUCTS), file, listed.flow), graphs[run_id])
        for listed, run_id in runs.items()
    }


def test_a_reason_is_given_for_flows_of_the_folder_only() -> None:
    assert {*NOT_RUN, *UNREAD} <= {listed.name for listed in FLOWS}


@each_flow
def test_what_ran_was_planned(cases: Cases, listed: Listed) -> None:
    report = cases[listed].report()
    assert report.calls, "nothing was recorded"
    assert not report.unplanned
    assert not report.uncovered
    assert not report.missing
    assert bool(report.unread) is (listed.name in UNREAD)


@each_flow
def test_every_flow_came_to_its_end(cases: Cases, listed: Listed) -> None:
    assert cases[listed].graph.state == "completed"


def test_nearly_all_edges_between_mandatory_steps_were_executed(
    cases: Cases, capsys: pytest.CaptureFixture[str], record_property: Any
) -> None:
    reports = [case.report() for case in cases.all()]
    direct, every = _total(report.share for report in reports), _total(report.share_of_all for report in reports)
    numbers = {
        "flows": len(reports),
        "calls": sum(len(report.calls) for report in reports),
        "recorded edges": sum(report.edges for report in reports),
        "shared edges": sum(report.shared for report in reports),
        "mandatory edges": f"{direct.executed} of {direct.planned - direct.untold}",
        "with derived": f"{every.executed} of {every.planned - every.untold}",
    }
    record_property("constructs", numbers)
    with capsys.disabled():
        print("\n" + ", ".join(f"{name}: {value}" for name, value in numbers.items()))
    assert direct.ratio >= GOAL
    assert every.ratio >= GOAL


def test_plans_with_every_edge_do_not_pass(cases: Cases) -> None:
    reports = [case.report_of_all_to_all() for case in cases.all()]
    assert _total(report.share for report in reports).ratio < GOAL / 2
    assert _total(report.share_of_all for report in reports).ratio < GOAL / 2


def _total(shares: Iterable[Share]) -> Share:
    parts = tuple(shares)
    return Share(
        sum(part.planned for part in parts), sum(part.executed for part in parts), sum(part.untold for part in parts)
    )
