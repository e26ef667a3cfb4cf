"""What ran against what was planned, on plans and records that are made here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.ir.conformance import compare
from govflow.ir.execution import Executed, ExecutedEdge, ExecutedGraph, Hints, Link, RunState
from govflow.ir.models import Edge, EdgeKind, Multiplicity, Plan, Step, StepKind

CODE = "sha256:" + "0" * 64


def step(name: str, multiplicity: str = "one", kind: StepKind = StepKind.TASK, **more: Any) -> Step:
    callee = name.rpartition("/")[2].partition("#")[0]
    made = {"resource": "task://f", "code": CODE, "multiplicity": Multiplicity(multiplicity), "kind": kind}
    return Step(step_id=f"main/{name}", callee=callee, **(made | more))


def plan(*steps: Step, edges: str = "") -> Plan:
    body = Step(step_id="main", kind=StepKind.BODY, callee="main", resource="flow://f/main", code=CODE)
    return Plan(flow="main", file="f.py", function="main", steps=(body, *steps), edges=tuple(edges_of(edges)))


def edges_of(text: str) -> list[Edge]:
    found = []
    for pair in text.split():
        kind = EdgeKind.ORDER if "~>" in pair else EdgeKind.DATA
        source, target = pair.split("~>" if "~>" in pair else "->")
        found.append(Edge(source=f"main/{source}", target=f"main/{target}", kind=kind))
    return found


def ran(calls: str, edges: str = "", state: RunState = RunState.COMPLETED, **more: Any) -> ExecutedGraph:
    """``load1 load2`` are two calls of ``load``; ``load1->save1`` is an edge, ``~>`` order, ``^>`` a parent."""
    made = tuple(Executed(name, name, name.rstrip("0123456789")) for name in calls.split())
    links = []
    for pair in edges.split():
        mark = next(mark for mark in ("->", "~>", "^>") if mark in pair)
        link = {"->": Link.DATA, "~>": Link.ORDER, "^>": Link.PARENT}[mark]
        source, target = pair.split(mark)
        links.append(ExecutedEdge(source, target, link, "x" if link is Link.DATA else ""))
    return ExecutedGraph("run", "main", state, made, tuple(links), **more)


CHAIN = plan(
    step("load#1"), step("mend#1"), step("mend#2"), step("save#1"), edges="load#1->mend#1 mend#1->mend#2 mend#2->save#1"
)


def test_a_run_that_follows_its_plan_conforms_and_each_call_finds_its_site() -> None:
    report = compare(CHAIN, ran("mend2 save1 mend1 load1", "load1->mend1 mend1->mend2 mend2->save1"))
    assert report.conforms
    assert report.assigned["mend1"] == "main/mend#1" and report.assigned["mend2"] == "main/mend#2"
    assert report.share.planned == report.share.executed == 3


def test_a_call_that_no_step_makes_is_unplanned() -> None:
    report = compare(CHAIN, ran("load1 mend1 mend2 save1 drop1", "load1->mend1 mend1->mend2 mend2->save1"))
    assert [item.call.name for item in report.unplanned] == ["drop1"]


def test_one_call_more_than_planned_is_unplanned() -> None:
    report = compare(CHAIN, ran("load1 mend1 mend2 mend3 save1", "load1->mend1 mend1->mend2 mend2->save1"))
    assert len(report.unplanned) == 1 and "more often" in report.unplanned[0].reason


def test_a_step_in_a_loop_may_run_again_and_one_below_a_retried_task_too() -> None:
    looped = plan(step("load#1", "many"))
    assert compare(looped, ran("load1 load2 load3")).conforms
    retried = plan(step("outer#1", retries=2), step("outer#1/load#1", "optional"))
    assert compare(retried, ran("outer1 load1 load2", "outer1^>load1 outer1^>load2")).conforms
    once = plan(step("outer#1"), step("outer#1/load#1", "optional"))
    assert not compare(once, ran("outer1 load1 load2", "outer1^>load1 outer1^>load2")).conforms


def test_a_flow_that_was_run_again_may_call_each_step_again() -> None:
    assert compare(CHAIN, ran("load1 load2 mend1 mend2 save1", "mend2->save1", attempts=2)).conforms


@pytest.mark.parametrize("edge", ["load1->save1", "load1~>mend1", "save1->load1", "load1^>save1"])
def test_a_recorded_edge_that_is_not_planned_in_its_kind_is_uncovered(edge: str) -> None:
    report = compare(CHAIN, ran("load1 mend1 mend2 save1", f"load1->mend1 mend1->mend2 mend2->save1 {edge}"))
    assert len(report.uncovered) == 1 and not report.conforms


def test_a_mandatory_step_that_was_not_called_is_missing_only_when_the_run_completed() -> None:
    assert compare(CHAIN, ran("load1 mend1 mend2")).missing == ("main/save#1",)
    assert compare(CHAIN, ran("load1 mend1 mend2", state=RunState.FAILED)).missing == ()
    optional = plan(step("load#1"), step("save#1", "optional"))
    assert compare(optional, ran("load1")).conforms


def test_of_two_sites_that_both_fit_the_mandatory_one_gets_the_call() -> None:
    both = plan(step("load#1", "many"), step("load#2"))
    assert compare(both, ran("load1")).conforms


def test_what_only_an_unresolved_step_can_have_called_is_unread_and_does_not_conform() -> None:
    hidden = plan(step("load#1"), step("unresolved#1", "optional", StepKind.UNRESOLVED, reason="getattr"))
    report = compare(hidden, ran("load1 drop1"))
    assert [item.step_id for item in report.unread] == ["main/unresolved#1"]
    assert not report.unplanned and not report.conforms


def test_a_log_that_names_the_step_is_believed_and_not_the_name() -> None:
    graph = ran("load1 mend1 mend2 save1", "load1->mend1 mend1->mend2 mend2->save1")
    ids = {"load1": "main/load#1", "mend1": "main/mend#2", "mend2": "main/mend#1", "save1": "main/save#1"}
    logged = replace(graph, calls=tuple(replace(c, step_ids=frozenset((ids[c.run_id],))) for c in graph.calls))
    report = compare(CHAIN, logged)
    assert report.exact and report.uncovered
    unknown = replace(graph, calls=(replace(graph.calls[0], step_ids=frozenset(("main/load#9",))), *graph.calls[1:]))
    assert [item.call.name for item in compare(CHAIN, unknown).unplanned] == ["load1"]


def test_a_call_inside_a_task_belongs_below_that_task() -> None:
    nested = plan(step("outer#1"), step("outer#1/load#1", "optional"), step("load#1"))
    report = compare(nested, ran("load1 outer1 load2", "outer1^>load1"))
    assert report.assigned["load1"] == "main/outer#1/load#1" and report.assigned["load2"] == "main/load#1"


def test_an_edge_that_no_record_can_show_is_neither_executed_nor_absent() -> None:
    graph = ran("load1 mend1 mend2 save1", "mend1->mend2 mend2->save1")
    assert compare(CHAIN, graph).share.ratio < 0.95
    silent = replace(graph, calls=(replace(graph.calls[0], trackable=False), *graph.calls[1:]))
    share = compare(CHAIN, silent).share
    assert (share.planned, share.executed, share.untold, share.ratio) == (3, 2, 1, 1.0)


def test_only_direct_edges_have_to_be_recorded_where_the_reader_knows_them() -> None:
    direct = frozenset({("main/mend#1", "main/mend#2", EdgeKind.DATA), ("main/mend#2", "main/save#1", EdgeKind.DATA)})
    report = compare(CHAIN, ran("load1 mend1 mend2 save1", "mend1->mend2 mend2->save1"), Hints(direct=direct))
    assert report.share.ratio == 1.0 and report.share_of_all.executed == 2 and report.share_of_all.planned == 3


def test_an_edge_to_a_value_of_known_making_only_shares_an_object_unless_the_plan_lost_it() -> None:
    two = plan(step("load#1"), step("log#1"), step("save#1"), edges="load#1->log#1 load#1->save#1")
    graph = ran("load1 log1 save1", "load1->log1 log1->save1")  # log returned what it was given
    assert not compare(two, graph).conforms
    hints = Hints(closed={("main/save#1", "x"): frozenset({"main/load#1"})})
    report = compare(two, graph, hints)
    assert report.conforms and report.shared == 1
    lost = plan(step("load#1"), step("log#1"), step("save#1"), edges="load#1->log#1")
    assert not compare(lost, ran("load1 log1 save1", "load1->log1 load1->save1"), hints).conforms


@st.composite
def straight_plans(draw: st.DrawFn) -> tuple[Plan, ExecutedGraph]:
    """A plan without branches or loops, several sites for one callee, and what a run of it records."""
    callees = draw(st.lists(st.sampled_from("abc"), min_size=4, max_size=8))
    counts: dict[str, int] = {}
    names = []
    for callee in callees:
        counts[callee] = counts.get(callee, 0) + 1
        names.append(f"{callee}#{counts[callee]}")
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=len(pairs) // 2, unique=True))
    made = plan(*(step(name) for name in names), edges=" ".join(f"{names[i]}->{names[j]}" for i, j in chosen))
    calls = draw(st.permutations([f"{callee}{index}" for index, callee in enumerate(callees)]))
    labels = [f"{callee}{index}" for index, callee in enumerate(callees)]
    return made, ran(" ".join(calls), " ".join(f"{labels[i]}->{labels[j]}" for i, j in chosen))


@given(straight_plans())
def test_any_such_run_conforms_with_every_edge_executed(case: tuple[Plan, ExecutedGraph]) -> None:
    report = compare(*case)
    assert report.conforms and report.share.ratio == 1.0


@given(straight_plans(), st.data())
def test_a_plan_without_one_of_its_edges_does_not(case: tuple[Plan, ExecutedGraph], data: st.DataObject) -> None:
    made, graph = case
    lost = data.draw(st.sampled_from(made.edges))
    report = compare(made.model_copy(update={"edges": tuple(e for e in made.edges if e != lost)}), graph)
    assert report.uncovered


@given(straight_plans(), st.data())
def test_a_plan_without_one_of_its_steps_does_not(case: tuple[Plan, ExecutedGraph], data: st.DataObject) -> None:
    made, graph = case
    lost = data.draw(st.sampled_from(made.steps[1:])).step_id
    kept = tuple(s for s in made.steps if s.step_id != lost)
    edges = tuple(e for e in made.edges if lost not in (e.source, e.target))
    assert compare(made.model_copy(update={"steps": kept, "edges": edges}), graph).unplanned


@given(straight_plans())
def test_a_plan_with_every_edge_has_too_small_a_share(case: tuple[Plan, ExecutedGraph]) -> None:
    made, graph = case
    names = [s.step_id for s in made.steps[1:]]
    everything = tuple(Edge(source=a, target=b) for a in names for b in names if a != b)
    assert compare(made.model_copy(update={"edges": everything}), graph).share.ratio < 0.95


def test_ten_thousand_calls_of_one_site_are_no_search() -> None:
    many = plan(step("load#1"), step("mend#1", "many"), edges="load#1->mend#1")
    names = [f"mend{n}" for n in range(10_000)]
    report = compare(many, ran(" ".join(["load1", *names]), " ".join(f"load1->{name}" for name in names)))
    assert report.conforms and report.edges == 10_000
