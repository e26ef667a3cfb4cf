"""Tasks that other code is given, and functions of tasks that are called past them."""

from __future__ import annotations

import pytest

from govflow.ir.models import Multiplicity, Plan, Step, StepKind, Tier
from govflow.planning.sites import SiteIndex
from tests.planning.reading import edges, in_async_flow, in_flow, plan_of, steps


def only(plan: Plan) -> Step:
    (step,) = [step for step in plan.steps if step.kind is not StepKind.BODY]
    return step


@pytest.mark.parametrize(
    "body",
    [
        "await asyncio.to_thread(a, 4)",
        "await asyncio.get_running_loop().run_in_executor(None, a, 4)",
        "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().map(a, [1])",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as ex:\n    ex.submit(a, 1)",
        "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().map(a.submit, [1])",
        "list(map(a, [1]))",
        "sorted([1], key=a)",
        "max([1], key=a)",
        "iter(a, None)",
        "from threading import Thread\nThread(target=a).start()",
        "from functools import partial\nasyncio.to_thread(partial(a, 1))",
        "import joblib\njoblib.Parallel()(a)",
    ],
)
def test_a_task_that_is_handed_over_is_a_step_that_may_run_many_times(body: str) -> None:
    plan = in_async_flow(body)
    step = only(plan)
    assert (step.kind, step.callee, step.multiplicity) == (StepKind.TASK, "a", Multiplicity.MANY)
    assert step.constants == {"handed_over": ["a"]}
    assert step.code == in_flow("a()").steps[1].code
    index = SiteIndex(plan)
    assert index.handed_over("a") == {step.step_id}
    assert index.handed_over("b") == frozenset()


def test_what_is_handed_over_is_judged_by_what_it_declares() -> None:
    plan = plan_of("""
        @task(action="data:delete", provider="postgres", resource="table://x", tier=3)
        def purge(x): ...
        @flow
        def main():
            list(map(purge, [1]))
        """)
    step = only(plan)
    assert (step.action, step.provider, step.resource, step.tier) == (
        "data:delete", "postgres", "table://x", Tier.HIGH,
    )  # fmt: skip


def test_each_of_several_tasks_that_are_handed_over_is_a_step() -> None:
    plan = in_flow("import joblib\njoblib.run({'a': a, 'b': [b]})\njoblib.run(a)")
    assert steps(plan) == {"a#1": "many", "b#1": "many", "a#2": "many"}
    assert SiteIndex(plan).handed_over("a") == {"main/a#1", "main/a#2"}


def test_what_comes_back_from_a_hand_over_carries_an_edge() -> None:
    assert edges(in_async_flow("x = await asyncio.to_thread(a, 4)\nb(x)")) == {"a#1 -> b#1"}
    assert edges(in_flow("xs = list(map(a, [b()]))\nc(xs)")) == {"b#1 -> a#1", "a#1 -> c#1"}


@pytest.mark.parametrize(
    "body", ["max([1], key=lambda q: a(q))", "min(1, 2, key=lambda q: a(q))", "asyncio.to_thread(lambda: a(5))"]
)
def test_a_lambda_that_is_handed_over_is_followed(body: str) -> None:
    assert set(steps(in_async_flow(body)).values()) == {"many"}
    assert [step.callee for step in in_async_flow(body).steps[1:]] == ["a"]


# past the task


PURGE = """
from concurrent.futures import ThreadPoolExecutor
@task(action="data:delete", provider="postgres", tier=3)
def purge(x):
    return x
"""


@pytest.mark.parametrize(
    ("body", "often"),
    [
        ("purge.fn(5)", "optional"),
        ("do = purge.fn\n    do(5)", "optional"),
        ("with ThreadPoolExecutor(2) as ex:\n        list(ex.map(purge.fn, [1, 2]))", "many"),
        ("list(map(purge.fn, [1]))", "many"),
        ("sorted([1], key=purge.fn)", "many"),
    ],
)
def test_a_function_called_past_its_task_is_named_and_judged_as_the_task(body: str, often: str) -> None:
    step = only(plan_of(f"{PURGE}\n@flow\ndef main():\n    {body}\n"))
    assert (step.kind, step.callee, step.multiplicity.value) == (StepKind.UNRESOLVED, "purge", often)
    assert (step.action, step.provider, step.tier) == ("data:delete", "postgres", Tier.HIGH)
    assert "called past its task" in (step.reason or "")
    assert step.sites[-1].file == "f.py"


def test_a_hook_that_calls_past_a_task_is_named() -> None:
    plan = plan_of(
        f"{PURGE}\ndef go(*args):\n    purge.fn('hook')\n    a()\n"
        "@flow(on_completion=[go])\ndef main():\n    return 1\n"
    )
    past = [step for step in plan.steps if step.kind is StepKind.UNRESOLVED]
    assert [(step.callee, step.action, step.multiplicity.value) for step in past] == [
        ("purge", "data:delete", "optional")
    ]
    assert past[0].sites[-1].function == "go"
    assert not [step for step in plan.steps if step.kind is StepKind.TASK]  # stopped at run time, as before


def test_calls_inside_a_function_that_is_called_past_its_task_are_followed() -> None:
    plan = plan_of("@task\ndef outer(x):\n    return a(x)\n@flow\ndef main():\n    outer.fn(1)\n")
    assert [(step.kind.value, step.callee) for step in plan.steps[1:]] == [("unresolved", "outer"), ("task", "a")]


def test_a_task_made_from_the_function_of_another_is_a_task() -> None:
    assert only(plan_of("again = task(a.fn)\n@flow\ndef main():\n    again()\n")).kind is StepKind.TASK


# dynamic access


@pytest.mark.parametrize(
    "call",
    [
        "getattr(sys.modules[__name__], n)(1)",
        "sys.modules[n].a(1)",
        "sys.modules.get(n).a(1)",
        "globals()[n](1)",
        "vars(sys.modules[__name__])[n](1)",
        "importlib.import_module(n).go(1)",
        "__import__(n).go(1)",
        "operator.attrgetter(n)(lib)(1)",
        "getattr(lib, n)(1)",
        "dict(inspect.getmembers(lib))[n](1)",
        "lib.__dict__[n](1)",
    ],
)
def test_a_call_reached_by_a_computed_name_is_unresolved(call: str) -> None:
    source = f"import importlib, inspect, operator, sys\nimport lib\n@flow\ndef main(n):\n    {call}\n"
    plan = plan_of(source, files={"lib.py": "from prefect import task\n@task\ndef go(x): ...\n"})
    assert [step.kind for step in plan.steps[1:]] == [StepKind.UNRESOLVED]


@pytest.mark.parametrize(
    "call", ["importlib.import_module('lib').go(1)", "getattr(lib, 'go')(1)", "__import__('lib').go(1)",
             "sys.modules['lib'].go(1)", "getattr(sys.modules[__name__], 'go')(1)"]
)  # fmt: skip
def test_a_constant_name_is_followed(call: str) -> None:
    source = f"import importlib, sys\nimport lib\nfrom lib import go\n@flow\ndef main():\n    {call}\n"
    plan = plan_of(source, files={"lib.py": "from prefect import task\n@task\ndef go(x): ...\n"})
    assert [(step.kind, step.callee) for step in plan.steps[1:]] == [(StepKind.TASK, "lib.py:go")]
