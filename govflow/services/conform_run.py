"""Holding a flow run against the plan of its source, and each subflow run against the plan of the subflow."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from govflow.audit.body import parse_body
from govflow.errors import FlowNotFound, GovflowError, SourceError
from govflow.ir.conformance import Conformance, compare
from govflow.ir.execution import ExecutedGraph
from govflow.ir.models import Step, StepKind
from govflow.planning.planner import PlannedFlow, list_flows, plan_flow
from govflow.planning.source import SourceTree
from govflow.services.plan_flows import name_of, parse_target
from govflow.services.verify_audit import opened
from govflow.settings import Settings
from govflow.sources import WorkingTree, find_root

ReadRun = Callable[[str], ExecutedGraph]
"""Reads what an engine recorded of a flow run, by its id."""

_DEEPEST: Final = 20  # subflows inside subflows
_INTENT: Final = "step.intent"


@dataclass(frozen=True, slots=True)
class RunConformance:
    """One flow run and the runs of its subflows."""

    source: str  # path:function
    report: Conformance
    below: tuple[RunConformance, ...] = ()
    unread: tuple[str, ...] = ()  # subflow runs whose source could not be found or read, and why

    def all(self) -> Iterator[RunConformance]:
        """This run and those below, outermost first."""
        yield self
        for one in self.below:
            yield from one.all()

    @property
    def conforms(self) -> bool:
        """Whether this run and every one below it followed its plan, and each of them could be compared."""
        return all(one.report.conforms and not one.unread for one in self.all())

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        made = {"source": self.source, **self.report.to_dict(), "not_compared": list(self.unread)}
        return made | {"subflows": [one.to_dict() for one in self.below]}


def conform_run(run_id: str, word: str, read: ReadRun, settings: Settings | None = None) -> RunConformance:
    """Compare a run with the plan of its source.

    Args:
        run_id: of the flow run.
        word: ``PATH`` or ``PATH:FLOW``. Without a flow the file's only one, or the one that the run names.
        read: reads the engine's record.
        settings: name the database whose log may know the step of each call; None looks in no log.

    Raises:
        SourceError: the file is not there or cannot be read.
        FlowNotFound: it has no such flow.
        RequestError: there is no such run.
    """
    target = parse_target(word)
    if target.path.is_dir():
        raise SourceError(f"{target.path} is a folder.", mend="Name the file of the flow, as in flows/etl.py:nightly.")
    root = find_root(target.path)
    tree, path = WorkingTree(root), name_of(target.path, root)
    graph = read(run_id)
    function = target.function or _named(tree, path, graph.flow)
    return _compare(tree, plan_flow(tree, path, function), graph, read, settings, 0)


def _named(tree: SourceTree, path: str, shown: str) -> str | None:
    """The flow of a file that has the name of the run's flow; None leaves it to the file's only flow."""
    flows = list_flows(tree, path)
    return next((flow.function for flow in flows if flow.name == shown), None) if len(flows) > 1 else None


def _compare(
    tree: SourceTree, planned: PlannedFlow, graph: ExecutedGraph, read: ReadRun, settings: Settings | None, depth: int
) -> RunConformance:
    graph = _with_step_ids(graph, settings)
    report = compare(planned.plan, graph, planned.hints)
    steps = {step.step_id: step for step in planned.plan.steps}
    below: list[RunConformance] = []
    unread: list[str] = []
    for call in graph.calls:
        step = steps.get(report.assigned.get(call.run_id, ""))
        if call.subflow_run is None or step is None or step.kind is not StepKind.SUBFLOW:
            continue
        if call.callee == "run_deployment":
            continue  # another process, from source of its own
        try:
            inner = _plan_of(tree, planned.path, step)
            if depth >= _DEEPEST:
                raise SourceError("it stands too deep below the first run")
            below.append(_compare(tree, inner, read(call.subflow_run), read, settings, depth + 1))
        except (SourceError, FlowNotFound) as error:
            unread.append(f"{call.name}: {error.message}")
    return RunConformance(f"{planned.path}:{planned.plan.function}", report, tuple(below), tuple(unread))


def _plan_of(tree: SourceTree, path: str, step: Step) -> PlannedFlow:
    """The plan of a subflow; its callee names file and function."""
    file, colon, function = step.callee.rpartition(":")
    if colon:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
    return plan_flow(tree, path, function)


def _with_step_ids(graph: ExecutedGraph, settings: Settings | None) -> ExecutedGraph:
    """The same graph, each call with the step that govflow's log names for it."""
    known = _logged(graph.run_id, settings) if settings is not None else {}
    if not known:
        return graph
    calls = tuple(replace(call, step_ids=known.get(call.run_id, frozenset())) for call in graph.calls)
    return replace(graph, calls=calls)


def _logged(run_id: str, settings: Settings) -> Mapping[str, frozenset[str]]:
    """Task run id to the steps whose intent was recorded for it. A database that is not there knows none."""
    found: dict[str, frozenset[str]] = {}
    with suppress(GovflowError), opened(settings, None) as store:
        for entry in store.tail(settings.tenant, 1_000_000, run_id=run_id, event=_INTENT):
            body = parse_body(entry.body)
            step_id, task_run = body.get("step_id"), body["payload"].get("task_run_id")
            if step_id and task_run:
                found[str(task_run)] = found.get(str(task_run), frozenset()) | {str(step_id)}
    return found
