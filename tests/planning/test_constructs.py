"""Each construct that the planner follows has a flow of its own, and the plan of each flow is what is said above it.

The same flows are run on Prefect by ``tests/prefect/test_constructs_run.py``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from govflow.ir.models import Plan, StepKind
from govflow.planning.planner import plan_flow
from govflow.sources import WorkingTree
from tests.conform.listed import Listed, flows_of
from tests.planning.reading import TASKS, edges, plan_of, steps

FOLDER = Path(__file__).parents[1] / "conform" / "constructs"
FLOWS = flows_of(FOLDER)

FOLLOWED = (
    "direct call",
    ".submit",
    ".map",
    "unmapped",
    ".delay",
    ".serve",
    "wait_for=",
    # what is passed, and through what
    "future in a variable",
    "state in a variable",
    "result in a variable",
    "tuple",
    "list",
    "dict",
    "attribute",
    "comprehension",
    "queue",
    "starred arguments",
    "walrus",
    "conditional expression",
    "global and nonlocal",
    "zip and enumerate",
    # at the same time
    "await",
    "asyncio.gather",
    "asyncio.create_task",
    "asyncio.wait",
    "asyncio.wait_for",
    "asyncio.as_completed",
    "as_completed",
    "wait",
    "task group",
    # what decides whether a call is made
    "for loop",
    "while loop",
    "branch",
    "try/except/finally",
    "with",
    "match",
    "early return",
    # what is gone into
    "helper function",
    "helper method",
    "generator",
    "recursion",
    "lambda",
    "partial",
    "handed over",
    "subflow",
    "subflow in a task",
    "task in a task",
    # ways to make a task or a flow
    "with_options",
    "decorator without brackets",
    "decorator with brackets",
    "task(fn)",
    "flow(fn)",
    "custom decorator",
    "task of an own class",
    "flow of an own class",
    "class method",
    "static method",
    "list of tasks iterated",
    "list of tasks indexed",
    "dict of tasks iterated",
    "dict of tasks indexed",
    "namespace of tasks",
    # ways to bring a name
    "alias",
    "relative import",
    "star import",
    "re-export",
    "late import",
    "import that may fail",
    "registry",
    "name in globals()",
    "run_deployment",
    "flow in a main guard",
    "several flows in a file",
    "same names in different files",
)

_MARKS = {"one": "", "optional": "?", "many": "*"}


def plan_in_folder(listed: Listed) -> Plan:
    return plan_flow(WorkingTree(FOLDER), listed.file, listed.flow).plan


def unresolved(plan: Plan) -> list[tuple[str, int, int, str]]:
    """File, line within the flow's own text, column, reason."""
    shift = TASKS.count("\n")
    found = [step for step in plan.steps if step.kind is StepKind.UNRESOLVED]
    return [(s.sites[-1].file, s.sites[-1].line - shift, s.sites[-1].column, s.reason or "") for s in found]


@pytest.mark.parametrize("construct", FOLLOWED)
def test_a_construct_has_a_flow_that_shows_it(construct: str) -> None:
    assert [listed.name for listed in FLOWS if construct in listed.constructs]


@pytest.mark.parametrize("listed", FLOWS, ids=lambda listed: listed.name)
def test_the_plan_is_what_is_said_above_the_flow(listed: Listed) -> None:
    plan = plan_in_folder(listed)
    assert {name + _MARKS[often] for name, often in steps(plan).items()} == set(listed.steps)
    assert edges(plan) == set(listed.edges)


def test_a_class_method_that_is_a_task_is_bound_to_its_class() -> None:
    plan = plan_of(
        "class T:\n    @classmethod\n    @task\n    def k(cls, rows):\n        return rows\n"
        "@flow\ndef main():\n    T.k(a(1))\n"
    )
    assert next(step.parameters for step in plan.steps if step.callee == "T.k") == ("rows",)


def test_what_a_script_starts_is_no_step() -> None:
    served = plan_of("@flow\ndef main():\n    a(1)\nif __name__ == '__main__':\n    main.serve(name='x')\n    b(1)\n")
    assert list(steps(served)) == ["a#1"]


@pytest.mark.parametrize("call", ["S(1)", "S.go(1)"])
def test_what_outside_code_made_from_a_task_outside_a_flow_may_call_it(call: str) -> None:
    plan = plan_of(f"import lib\nS = lib.wrap(a)\n@flow\ndef main():\n    {call}\n")
    assert [reason for *_, reason in unresolved(plan)] == ["lib.wrap was given a task, outside a flow"]


@pytest.mark.parametrize("call", ["S.add(a)", "S.add(1, job=a)", "S.add([a, b])"])
def test_an_object_of_outside_code_that_was_given_a_task_outside_a_flow_may_call_it(call: str) -> None:
    plan = plan_of(
        f"import lib\nS = lib.Registry()\n{call}\n@flow\ndef main():\n    S.run()\n    lib.Registry().run()\n"
    )
    assert [reason for *_, reason in unresolved(plan)] == [
        ".add of an object from outside the repository was given a task, outside a flow"
    ]


@pytest.mark.parametrize("call", ["S.add(1)", "S.debug('%s', a)", "S.add(len)"])
def test_an_object_of_outside_code_that_was_given_no_task_calls_none(call: str) -> None:
    plan = plan_of(f"import lib\nS = lib.Registry()\n{call}\n@flow\ndef main():\n    S.run()\n")
    assert unresolved(plan) == []


@pytest.mark.parametrize(
    ("table", "call"),
    [
        ("from types import SimpleNamespace\nS = SimpleNamespace(first=a)", "S.first(1)"),
        ("from types import SimpleNamespace\nS = SimpleNamespace(**{'first': a})", "S.first(1)"),
        ("from types import SimpleNamespace\nS = SimpleNamespace()\nS.first = a", "S.first(1)"),
        ("from argparse import Namespace\nS = Namespace(first=a)", "S.first(1)"),
        ("from types import MappingProxyType\nS = MappingProxyType({'first': a})", "S['first'](1)"),
    ],
)
def test_a_task_in_a_namespace_or_a_view_of_a_dict_is_called_by_its_name(table: str, call: str) -> None:
    assert steps(plan_of(f"{table}\n@flow\ndef main():\n    {call}\n")) == {"a#1": "one"}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("S = SimpleNamespace(**{fn.name: fn for fn in (a, b)})", {"a#1": "optional", "b#1": "optional"}),
        ("S = SimpleNamespace(**{fn.name: fn for fn in (a, b)}, first=c)",
         {"a#1": "optional", "b#1": "optional", "c#1": "optional"}),
        ("S = SimpleNamespace(**{fn.__name__: task(fn) for fn in (one, two)})",
         {"one#1": "optional", "two#1": "optional"}),
        ("S = SimpleNamespace(**{fn.__name__: fn for fn in (helper,)})", {"helper#1/a#1": "one"}),
    ],
)  # fmt: skip
def test_a_task_under_a_computed_name_may_stand_behind_any(table: str, expected: dict[str, str]) -> None:
    head = "from types import SimpleNamespace\ndef one(x): ...\ndef two(x): ...\ndef helper(x):\n    a(x)\n"
    assert steps(plan_of(f"{head}{table}\n@flow\ndef main():\n    S.first(1)\n")) == expected


@pytest.mark.parametrize(
    "bare",
    ["partial(house, **options)", "lambda fn: house(fn, **options)", "lambda fn: task(fn, **options)",
     "partial(task, **options)", "task(**options)"],
)  # fmt: skip
@pytest.mark.parametrize("brackets", ["", "(name='named')", "()"])
def test_a_custom_decorator_may_be_used_with_and_without_brackets(bare: str, brackets: str) -> None:
    plan = plan_of(
        "from functools import partial\n"
        f"def house(fn=None, **options):\n    if fn is None:\n        return {bare}\n    return task(fn, **options)\n"
        f"@house{brackets}\ndef t(x): ...\n@flow\ndef main():\n    t(1)\n"
    )
    called = [step for step in plan.steps if step.kind is not StepKind.BODY]
    assert [(step.kind, step.callee, step.multiplicity.value) for step in called] == [(StepKind.TASK, "t", "one")]


@pytest.mark.parametrize(
    ("test", "given", "otherwise"),
    [
        ("fn is None", "partial(house, **options)", "task(fn, **options)"),
        ("fn is not None", "task(fn, **options)", "partial(house, **options)"),
        ("not fn", "partial(house, **options)", "task(fn, **options)"),
        ("fn", "task(fn, **options)", "partial(house, **options)"),
        ("callable(fn)", "task(fn, **options)", "partial(house, **options)"),
    ],
)
@pytest.mark.parametrize("brackets", ["", "(retries=2)"])
def test_a_decorator_is_followed_by_what_it_was_given(test: str, given: str, otherwise: str, brackets: str) -> None:
    for body in (
        f"    if {test}:\n        return {given}\n    return {otherwise}\n",
        f"    return {given} if {test} else {otherwise}\n",
    ):
        plan = plan_of(
            f"from functools import partial\ndef house(fn=None, **options):\n{body}"
            f"@house{brackets}\ndef t(x): ...\n@flow\ndef main():\n    t(1)\n"
        )
        assert steps(plan) == {"t#1": "one"}
        assert next(step.retries for step in plan.steps if step.callee == "t") == (2 if brackets else 0)


def test_what_a_helper_was_given_once_does_not_decide_for_another_call() -> None:
    plan = plan_of(
        "def made(name=None, also=None):\n    if also is None:\n        return None\n"
        "    return task(lambda x: x, name=name)\n"
        "nothing = made('x')\nt = made('x', 'y')\n@flow\ndef main():\n    t(1)\n"
    )
    assert [step.kind for step in plan.steps] == [StepKind.BODY, StepKind.TASK]


def test_inside_a_flow_no_test_is_decided() -> None:
    plan = plan_of(
        "def go(x=None):\n    if x is None:\n        a()\n    else:\n        b()\n@flow\ndef main():\n    go()\n"
    )
    assert steps(plan) == {"go#1/a#1": "optional", "go#1/b#1": "optional"}


@pytest.mark.parametrize(
    ("body", "where", "reason"),
    [
        ("x = 1\n    globals()[cb](1)", (4, 4), "the name is looked up in globals()"),
        ("cb(1)", (3, 4), "a value that is given at run time is called"),
        ("y = [cb(1)]", (3, 9), "a value that is given at run time is called"),
        ("cb.submit(1)", (3, 4), ".submit is called on something that is given at run time"),
        ("exec('a(1)')", (3, 4), "exec runs code that is not in the source"),
        ("a.fn(1)", (3, 4), "a is called past its task, where it cannot be stopped"),
    ],
)
def test_what_cannot_be_read_names_file_line_column_and_reason(body: str, where: tuple[int, int], reason: str) -> None:
    plan = plan_of(f"@flow\ndef main(n=1, cb=None):\n    {body}\n")
    assert unresolved(plan) == [("f.py", *where, reason)]
