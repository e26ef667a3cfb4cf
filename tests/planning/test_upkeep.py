"""What a reading leaves behind: nothing, also where it fails."""

from __future__ import annotations

import gc

import pytest

from benchmarks.generated import large_flow
from govflow.errors import SourceError
from govflow.planning.planner import Reader, plan_flow
from govflow.planning.source import MemoryTree


def one_file(text: str) -> MemoryTree:
    return MemoryTree({"flow.py": text})


def test_a_reading_leaves_no_garbage() -> None:
    tree = one_file(large_flow(50, tasks=5))
    plan_flow(tree, "flow.py")  # what is made once, on first use
    left = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            planned = plan_flow(tree, "flow.py")
            left.append(gc.collect())
    finally:
        gc.enable()
    # A thread that another test left behind may drop something meanwhile, and not five times.
    assert min(left) < 50, "a few closures of the standard library, no tree of a file"
    assert len(planned.plan.steps) == 51


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_as_it_was(enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        plan_flow(one_file(large_flow(3, tasks=2)), "flow.py")
        assert gc.isenabled() is enabled
        with pytest.raises(SourceError):
            plan_flow(one_file("def (:"), "flow.py")
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_a_reader_that_forgot_a_flow_reads_it_again_the_same() -> None:
    reader = Reader(one_file(large_flow(20, tasks=3)))
    first = reader.plan("flow.py")
    assert reader.plan("flow.py") == first
    assert reader.plans("flow.py") == (first,)


def test_a_generated_flow_has_the_steps_and_the_change_that_were_asked_for() -> None:
    plan = plan_flow(one_file(large_flow(40, tasks=4)), "flow.py").plan
    other = plan_flow(one_file(large_flow(40, tasks=4, changed=7)), "flow.py").plan
    differing = [
        new.step_id for old, new in zip(plan.steps[1:], other.steps[1:], strict=True) if old.constants != new.constants
    ]
    assert len(plan.steps) == 41
    assert differing == ["large/task_3#2"]
    assert plan.edges == other.edges
