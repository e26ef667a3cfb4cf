"""One reader for many flows gives each the plan that a reader of its own gives."""

from __future__ import annotations

import itertools

import pytest

from govflow.errors import FlowNotFound, SourceError
from govflow.ir.hashing import plan_hash
from govflow.ir.models import StepKind
from govflow.planning.planner import Reader, plan_flow
from govflow.planning.source import MemoryTree

CIRCLE = """
from prefect import flow, task

@task
def load(n): return n

@flow
def a(n=3):
    load(n)
    if n:
        b(n - 1)

@flow
def b(n=3):
    c(n)
    a(n)

@flow
def c(n=3):
    load(n + 1)
    if n:
        b(n - 1)

@flow
def outer():
    plain()
    c()
    b()

@flow
def plain():
    load(7)
"""

STATEFUL = """
from prefect import flow, task

STEPS = []

@task
def one(): ...

@task
def two(): ...

@flow
def first():
    STEPS.append(one)
    for step in STEPS:
        step()

@flow
def second():
    for step in STEPS:
        step()
    two()
"""


class CountingTree(MemoryTree):
    def __init__(self, files: dict[str, str]) -> None:
        super().__init__(files)
        self.reads: list[str] = []

    def read(self, path: str) -> str | None:
        self.reads.append(path)
        return super().read(path)


@pytest.mark.parametrize("order", list(itertools.permutations(["a", "b", "c", "outer", "plain"]))[::7])
def test_a_plan_does_not_depend_on_what_was_planned_before(order: tuple[str, ...]) -> None:
    """Subflows that call each other in a circle are cut where it comes round: elsewhere for each of them."""
    tree = MemoryTree({"f.py": CIRCLE})
    reader = Reader(tree)
    for name in order:
        assert reader.plan("f.py", name) == plan_flow(tree, "f.py", name), (order, name)


def test_what_one_flow_does_to_a_module_does_not_reach_the_next() -> None:
    tree = MemoryTree({"f.py": STATEFUL})
    together = Reader(tree).plans("f.py")
    assert [planned.plan.function for planned in together] == ["first", "second"]
    assert list(together) == [plan_flow(tree, "f.py", name) for name in ("first", "second")]


def test_every_file_is_read_once() -> None:
    head = "from prefect import flow\nfrom lib import load\nfrom other import sub\n"
    flow = head + "@flow\ndef {}():\n    load()\n    sub()\n"
    tree = CountingTree(
        {
            "a.py": flow.format("a"),
            "b.py": flow.format("b") + flow.format("c"),
            "lib.py": "from prefect import task\n@task\ndef load(): ...\n",
            "other.py": "from prefect import flow\nimport lib\n@flow\ndef sub():\n    lib.load()\n",
        }
    )
    reader = Reader(tree)
    plans = [planned.plan for path in ("a.py", "b.py", "other.py") for planned in reader.plans(path)]
    assert [plan.function for plan in plans] == ["a", "b", "c", "sub"]
    assert len(tree.reads) == len(set(tree.reads)), "no path was asked for twice"
    assert plan_hash(plans[-1]) == plan_hash(plan_flow(tree, "other.py").plan)


def test_a_file_that_cannot_be_read_does_not_spoil_the_next() -> None:
    reader = Reader(MemoryTree({"bad.py": "def (:\n", "good.py": "from prefect import flow\n@flow\ndef f(): ...\n"}))
    with pytest.raises(SourceError, match=r"bad\.py:1"):
        reader.plans("bad.py")
    with pytest.raises(SourceError, match=r"bad\.py:1"):
        reader.flows("bad.py")
    with pytest.raises(FlowNotFound):
        reader.plan("good.py", "g")
    assert [ref.function for ref in reader.flows("good.py")] == ["f"]


HOOKED = """
from prefect import flow

CHANNEL = "#data"

def tell(flow, run, state):
    print(CHANNEL)

@flow(on_failure=[tell])
def sub(): ...
"""

CALLING_HOOKED = """
from prefect import flow
from sub import sub

def note(flow, run, state): ...

def made(name):
    def hook(flow, run, state):
        print(name)
    return hook

@flow
def plainly():
    sub()

@flow
def otherwise():
    sub.with_options(on_failure=[note])()

@flow
def by_closure():
    sub.with_options(on_failure=[made("a")])()

@flow
def renamed():
    sub.with_options(name="again")()
"""


def _subflow_code(tree: MemoryTree, function: str) -> str:
    steps = plan_flow(tree, "f.py", function).plan.steps
    return next(step.code for step in steps if step.kind is StepKind.SUBFLOW)


def test_a_step_that_runs_a_flow_holds_the_hash_of_its_plan() -> None:
    """Its hooks and the names that they read are part of that, as they are where the flow stands."""
    tree = MemoryTree({"f.py": CALLING_HOOKED, "sub.py": HOOKED})
    other = MemoryTree({"f.py": CALLING_HOOKED, "sub.py": HOOKED.replace("#data", "#alerts")})
    for one in (tree, other):
        assert _subflow_code(one, "plainly") == plan_hash(plan_flow(one, "sub.py").plan)
    assert _subflow_code(tree, "plainly") != _subflow_code(other, "plainly")


def test_a_flow_with_hooks_of_its_caller_is_another_flow() -> None:
    tree = MemoryTree({"f.py": CALLING_HOOKED, "sub.py": HOOKED})
    codes = [_subflow_code(tree, name) for name in ("plainly", "otherwise", "by_closure", "renamed")]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["plainly", "otherwise", "by_closure", "renamed", "sub"]))
)
def test_a_flow_is_planned_once_and_never_for_another(order: tuple[str, ...]) -> None:
    tree = MemoryTree({"f.py": CALLING_HOOKED, "sub.py": HOOKED})
    reader = Reader(tree)
    for name in order:
        path = "sub.py" if name == "sub" else "f.py"
        assert reader.plan(path, name) == plan_flow(tree, path, name), (order, name)


@pytest.mark.parametrize("function", ["otherwise", "by_helper"])
def test_what_a_hook_of_the_caller_reads_of_its_module_is_noticed(function: str) -> None:
    calling = """
from prefect import flow
from sub import sub

TABLE = "sales"

def told(name):
    return (TABLE, name)

def note(flow, run, state):
    print(TABLE)

def by_told(flow, run, state):
    print(told("x"))

@flow
def otherwise():
    sub.with_options(on_failure=[note])()

@flow
def by_helper():
    sub.with_options(on_failure=[by_told])()
"""
    codes = {
        _subflow_code(MemoryTree({"f.py": text, "sub.py": HOOKED}), function)
        for text in (calling, calling.replace('"sales"', '"people"'))
    }
    assert len(codes) == 2
