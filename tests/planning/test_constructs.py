"""Constructs of flows that a run of the corpus does not show, or shows only in passing."""

from __future__ import annotations

import pytest

from govflow.ir.models import Plan, StepKind
from tests.planning.reading import TASKS, edges, in_async_flow, in_flow, plan_of, steps


def unresolved(plan: Plan) -> list[tuple[str, int, int, str]]:
    """File, line within the flow's own text, column, reason."""
    shift = TASKS.count("\n")
    found = [step for step in plan.steps if step.kind is StepKind.UNRESOLVED]
    return [(s.sites[-1].file, s.sites[-1].line - shift, s.sites[-1].column, s.reason or "") for s in found]


def test_delay_is_a_step() -> None:
    assert steps(in_flow("a.delay(1)")) == {"a#1": "one"}


@pytest.mark.parametrize(
    "body",
    [
        "async with asyncio.TaskGroup() as group:\n    x = group.create_task(a(1))\nb(x.result())",
        "x = asyncio.create_task(a(1))\nb(await x)",
        "done, rest = await asyncio.wait([asyncio.create_task(a(1))])\nb([one.result() for one in done])",
        "for one in asyncio.as_completed([a(1)]):\n    b(await one)",
        "x = await asyncio.wait_for(a(1), 5)\nb(x)",
        "queue = asyncio.Queue()\nqueue.put_nowait(await a(1))\nb(await queue.get())",
        "rows = await a(1)\nrows.append(2)\nb(rows)",
    ],
)
def test_what_asyncio_passes_on_keeps_its_edge(body: str) -> None:
    plan = in_async_flow(body)
    assert set(steps(plan)) == {"a#1", "b#1"} and edges(plan) == {"a#1 -> b#1"}


@pytest.mark.parametrize(
    "body",
    [
        "box = {}\nbox['x'] = a(1)\nb(box)",
        "rows = c(0)\nrows['x'] = a(1)\nb(rows)",
        "rows = c(0)\nrows.append(a.submit(1))\nb(rows)",
        "from collections import defaultdict\nbox = defaultdict(list)\nbox[n].append(a.submit(1))\nb(box)",
        "from collections import deque\nline = deque()\nline.append(a.submit(1))\nb(line.popleft())",
        "from functools import reduce\nb(reduce(lambda x, y: a(x), [1, 2]))",
        "try:\n    a(1)\nexcept ValueError as error:\n    b(error)",
        "import queue\nline = queue.Queue()\nline.put(a.submit(1))\nb(line.get())",
    ],
)
def test_what_is_put_somewhere_comes_out_again(body: str) -> None:
    assert any(edge.rpartition("/")[2] == "a#1 -> b#1" for edge in edges(in_flow(body)))


def test_a_recursive_helper_hands_on_what_it_gives_itself() -> None:
    plan = plan_of(
        "def walk(x, n):\n    y = a(x)\n    if n:\n        walk(y, n - 1)\n@flow\ndef main(n=2):\n    walk(0, n)\n"
    )
    assert {edge.partition("walk#1/")[2] for edge in edges(plan)} == {"a#1 -> walk#1/a#1"}


def test_each_object_of_a_dataclass_has_a_list_of_its_own() -> None:
    head = "from dataclasses import dataclass, field\n@dataclass\nclass Batch:\n    parts: list = "
    body = "@flow\ndef main():\n    one = Batch()\n    one.parts.append(a.submit(1))\n    b(one.parts)\n"
    plan = plan_of(head + "field(default_factory=list)\n" + body)
    assert edges(plan) == {"a#1 -> b#1"}


def test_a_context_without_a_name_is_left_too() -> None:
    head = "class Lock:\n    def __enter__(self):\n        a(1)\n    def __exit__(self, *_):\n        b(1)\n"
    plan = plan_of(head + "@flow\ndef main():\n    with Lock():\n        c(1)\n")
    assert [name.rpartition("/")[2] for name in steps(plan)] == ["a#1", "b#1", "c#1"]


def test_what_registers_itself_at_import_is_there_although_nobody_names_its_module() -> None:
    files = {
        "pkg/__init__.py": "from . import rest\nfrom .registry import LOADERS\n",
        "pkg/registry.py": "from prefect import task\nLOADERS = {}\n"
        "def loader(fn):\n    LOADERS[fn.__name__] = task(fn)\n",
        "pkg/rest.py": "from .registry import loader\n@loader\ndef read(x):\n    return x\n",
    }
    plan = plan_of("from pkg import LOADERS\n@flow\ndef main(n='read'):\n    LOADERS[n](1)\n", files=files)
    assert list(steps(plan)) == ["pkg/rest.py:read#1"]


def test_star_imports_and_reexports_lead_to_the_file_that_defines_a_task() -> None:
    files = {
        "lib.py": "from inner import go\nfrom prefect import task\n@task\ndef fetch(x):\n    return x\n",
        "inner.py": "from prefect import task\n@task\ndef go(x):\n    return x\n",
    }
    plan = plan_of("from lib import *\n@flow\ndef main():\n    c(fetch(1), go(2))\n", files=files)
    assert set(steps(plan)) == {"c#1", "lib.py:fetch#1", "inner.py:go#1"}


def test_a_constant_name_in_globals_is_followed() -> None:
    assert steps(in_flow("globals()['a'](1)\nglobals().get('b')(2)")) == {"a#1": "one", "b#1": "one"}


def test_a_class_method_that_is_a_task_is_bound_to_its_class() -> None:
    plan = plan_of(
        "class T:\n    @classmethod\n    @task\n    def k(cls, rows):\n        return rows\n"
        "@flow\ndef main():\n    T.k(a(1))\n"
    )
    assert next(step.parameters for step in plan.steps if step.callee == "T.k") == ("rows",)


def test_a_flow_may_be_defined_where_a_script_starts_and_what_starts_it_is_no_step() -> None:
    plan = plan_of(
        "if __name__ == '__main__':\n    @flow\n    def main():\n        b(a(1))\n    main.serve(name='x')\n"
    )
    assert edges(plan) == {"a#1 -> b#1"}
    served = plan_of("@flow\ndef main():\n    a(1)\nif __name__ == '__main__':\n    main.serve(name='x')\n    b(1)\n")
    assert list(steps(served)) == ["a#1"]


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
