"""Every call that really happens finds its planned step, by the frames that the interpreter reports."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from govflow.ir.models import Plan
from govflow.planning.planner import plan_flow
from govflow.planning.sites import SiteIndex
from govflow.planning.source import MemoryTree
from tests.planning import toy_engine
from tests.planning.pythons import python_of

HEAD = """
import asyncio
import threading
from functools import partial
from prefect import flow, task, unmapped

@task
def inc(x=0, *args, **kwargs):
    return x + 1 if isinstance(x, int) else x

@task
def add(x, y=0):
    return x

@task
async def later(x):
    return x
"""


MINORS = ["3.11", "3.12", "3.13"]


Runner = Callable[..., Any]
_RUNNERS: list[Runner] = [toy_engine.run_flow]


@pytest.fixture(params=MINORS, scope="module", autouse=True)
def minor(request: pytest.FixtureRequest) -> Iterator[None]:
    """The Python minor that executes the flows; they are planned by this one."""
    python = python_of(request.param)
    if python is None:
        pytest.skip(f"no Python {request.param} here")
    if python == sys.executable:
        yield
        return
    command = [python, "-I", toy_engine.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def run_there(files: Mapping[str, str], path: str, function: str, *args: object) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            sent = {"files": files, "path": path, "function": function, "args": args}
            process.stdin.write(json.dumps(sent) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        _RUNNERS.append(run_there)
        yield
        _RUNNERS.pop()


def run_planned(
    files: Mapping[str, str], path: str, function: str, *args: object
) -> tuple[list[tuple[str, frozenset[str]]], Plan]:
    """Plan a flow, execute it for real, and resolve every call that was seen."""
    plan = plan_flow(MemoryTree(files), path, function).plan
    index = SiteIndex(plan)
    seen = _RUNNERS[-1](files, path, function, *args)
    return [(name, index.resolve([tuple(item) for item in chain])) for name, chain in seen], plan


def resolved(body: str, *args: object, head: str = HEAD) -> list[tuple[str, list[str]]]:
    source = head + textwrap.dedent(body)
    calls, plan = run_planned({"f.py": source}, "f.py", "main", *args)
    assert not [step for step in plan.steps if step.kind == "unresolved"]
    return [(name, sorted(ids)) for name, ids in calls]


def exact(body: str, *args: object) -> list[str]:
    """Ids, where every call is exactly one step of that task."""
    found = resolved(body, *args)
    for name, ids in found:
        assert len(ids) == 1, (name, ids)
        assert ids[0].rpartition("/")[2].startswith(name)
    return [ids[0] for _, ids in found]


def test_direct_calls_and_two_on_one_line() -> None:
    assert exact("""
        @flow
        def main():
            a = inc(1); b = inc(a) + inc(3)
            return add(inc(b), inc(a))
        """) == ["main/inc#1", "main/inc#2", "main/inc#3", "main/inc#4", "main/inc#5", "main/add#1"]


def test_nested_calls_of_one_task_are_numbered_in_source_order() -> None:
    assert exact("""
        @flow
        def main():
            inc(inc(inc(1)))
        """) == ["main/inc#3", "main/inc#2", "main/inc#1"]


def test_attribute_calls_over_several_lines() -> None:
    assert exact("""
        @flow
        def main():
            first = (
                inc
                .with_options(
                    retries=1,
                )
                .submit(
                    1,
                )
            )
            second = inc.submit(
                first
            ).result(
            )
            inc.map(
                [1, 2],
            )
        """) == ["main/inc#1", "main/inc#2", "main/inc#3"]


def test_comprehensions_and_generator_expressions() -> None:
    assert exact("""
        @flow
        def main():
            a = [inc(i) for i in range(2)]
            b = {i: inc(i) for i in range(1)}
            c = list(inc(i) for i in range(1))
            d = {add(inc(i)) for i in range(1)}
            e = [[inc(i) for i in range(1)] for _ in range(1)]
        """) == [
        "main/inc#1", "main/inc#1", "main/inc#2", "main/inc#3", "main/inc#4", "main/add#1", "main/inc#5",
    ]  # fmt: skip


def test_lambdas_keywords_f_strings_and_walrus() -> None:
    assert exact("""
        @flow
        def main():
            call = lambda x: inc(x)
            a = call(1)
            b = f"{inc(1)} and {inc(2)!r}"
            options = {"y": 2}
            c = add(*[1], **options)
            if (d := inc(3)) > 2:
                inc(d)
            partial(add, 1)(y=2)
        """) == [
        "main/main.<locals>.<lambda>#1/inc#1",
        "main/inc#1", "main/inc#2", "main/add#1", "main/inc#3", "main/inc#4", "main/add#2",
    ]  # fmt: skip


def test_helpers_give_a_chain_of_sites() -> None:
    assert exact("""
        def both(x):
            return add(inc(x), inc(x))

        def outer(x):
            return both(x)

        @flow
        def main():
            both(1)
            both(2)
            outer(3)
        """) == [
        "main/both#1/inc#1", "main/both#1/inc#2", "main/both#1/add#1",
        "main/both#2/inc#1", "main/both#2/inc#2", "main/both#2/add#1",
        "main/outer#1/both#1/inc#1", "main/outer#1/both#1/inc#2", "main/outer#1/both#1/add#1",
    ]  # fmt: skip


def test_awaited_calls() -> None:
    assert exact("""
        @flow
        async def main():
            await later(1)
            a, b = await asyncio.gather(later(2), later(3))
            [await later(i) for i in range(1)]
        """) == ["main/later#1", "main/later#2", "main/later#3", "main/later#4"]


def test_awaited_helper_keeps_its_chain() -> None:
    assert exact("""
        async def fetch(x):
            return await later(x)

        @flow
        async def main():
            await fetch(1)
            y = await fetch(2)
        """) == ["main/fetch#1/later#1", "main/fetch#2/later#1"]


def test_helper_in_another_event_loop_task_is_all_its_candidates() -> None:
    found = resolved("""
        async def fetch(x):
            return await later(x)

        @flow
        async def main():
            await asyncio.gather(fetch(1), fetch(2))
        """)
    assert found == [("later", ["main/fetch#1/later#1", "main/fetch#2/later#1"])] * 2


def test_helper_in_a_thread_is_all_its_candidates() -> None:
    found = resolved("""
        def work():
            inc(1)

        @flow
        def main():
            work()
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        """)
    assert found[0] == ("inc", ["main/work#1/inc#1"])
    assert found[1] == ("inc", ["main/work#1/inc#1", "main/work#2/inc#1"])


def test_generators_context_managers_properties_and_methods() -> None:
    found = resolved("""
        class Job:
            def __init__(self, x):
                self.x = inc(x)

            @property
            def value(self):
                return add(self.x)

            def run(self):
                return inc(self.x)

            @task
            def step(self, y):
                return y

        def produce():
            yield inc(1)

        @flow
        def main():
            job = Job(1)
            job.value
            job.run()
            job.step(3)
            for item in produce():
                add(item)
        """)
    assert [ids for _, ids in found] == [
        ["main/Job.__init__#1/inc#1"],
        ["main/Job.value#1/add#1"],
        ["main/Job.run#1/inc#1"],
        ["main/Job.step#1"],
        ["main/produce#1/inc#1"],
        ["main/add#1"],
    ]


def test_decorated_helper_and_task_inside_a_task() -> None:
    assert exact("""
        def twice(fn):
            def wrapper(x):
                return fn(fn(x))
            return wrapper

        @twice
        def helper(x):
            return inc(x)

        @task
        def outer(x):
            return inc(x)

        @flow
        def main():
            helper(1)
            outer(2)
        """) == [
        "main/twice.<locals>.wrapper#1/helper#2/inc#1",
        "main/twice.<locals>.wrapper#1/helper#1/inc#1",
        "main/outer#1",
        "main/outer#1/inc#1",
    ]


def test_tasks_in_a_list_and_in_a_dict_are_candidates_of_one_site() -> None:
    found = resolved(
        """
        @flow
        def main(key):
            for step in [inc, add]:
                step(1)
            {"a": inc, "b": add}[key](2)
            inc.map([1, 2], unmapped(3))
        """,
        "b",
    )
    assert found == [
        ("inc", ["main/add#1", "main/inc#1"]),
        ("add", ["main/add#1", "main/inc#1"]),
        ("add", ["main/add#2", "main/inc#2"]),
        ("inc", ["main/inc#3"]),
    ]


def test_recursive_helper_is_bounded_and_every_level_is_found() -> None:
    found = resolved("""
        def down(n):
            inc(n)
            if n:
                down(n - 1)

        @flow
        def main():
            down(2)
        """)
    assert found == [("inc", ["main/down#1/inc#1"])] * 3


def test_steps_of_other_files_are_found_by_file() -> None:
    files = {
        "flows/f.py": "from prefect import flow\nfrom lib import load, go\n@flow\ndef main():\n    load(1)\n    go()\n",
        "flows/lib.py": "from prefect import task\n@task\ndef load(x):\n    return x\ndef go():\n    load(2)\n",
    }
    calls, _ = run_planned(files, "flows/f.py", "main")
    assert [sorted(ids) for _, ids in calls] == [["main/lib.py:load#1"], ["main/lib.py:go#1/lib.py:load#1"]]


def test_subflow_call_is_found() -> None:
    assert resolved("""
        @flow
        def child(x):
            return x

        @flow
        def main():
            child(1)
        """)[0] == ("child", ["main/child#1"])


@pytest.mark.parametrize("where", ["inside a planned task", "in the flow"])
def test_unplanned_call_is_no_step_even_inside_a_planned_one(where: str) -> None:
    source = HEAD + "@flow\ndef main():\n    inc(1)\n"
    plan = plan_flow(MemoryTree({"f.py": source}), "f.py").plan
    site = plan.step("main/inc#1").sites[-1]
    planned = ("f.py", site.end_line, site.end_column)
    smuggled = ("f.py", site.end_line - 10, 17)
    chain = [smuggled, planned] if where.startswith("inside") else [smuggled]
    index = SiteIndex(plan)
    assert index.resolve([planned]) == {"main/inc#1"}
    assert index.resolve(chain) == frozenset()
    assert index.resolve([]) == frozenset()


@pytest.mark.parametrize(
    "body",
    [
        "list(map(inc, [1, 2]))",
        "thread = threading.Thread(target=inc)\n    thread.start()\n    thread.join()",
        "with ThreadPoolExecutor(1) as pool:\n        list(pool.map(inc, [1, 2]))",
        "with ThreadPoolExecutor(1) as pool:\n        pool.submit(inc.submit, 1).result()",
    ],
)
def test_a_task_called_by_code_outside_is_found_by_its_callee(body: str) -> None:
    head = HEAD + "from concurrent.futures import ThreadPoolExecutor\n"
    calls, plan = run_planned({"f.py": f"{head}@flow\ndef main():\n    {body}\n"}, "f.py", "main")
    assert calls
    assert {ids for _, ids in calls} == {frozenset()}  # from no planned call
    assert SiteIndex(plan).handed_over("inc") == {"main/inc#1"}


def test_a_key_function_is_found_by_its_own_call() -> None:
    body = "\n@flow\ndef main():\n    sorted([2, 1], key=inc)\n    return max([1, 2], key=lambda q: add(q))\n"
    found = [ids for _, ids in resolved(body)]
    assert found == [["main/inc#1"]] * 2 + [["main/main.<locals>.<lambda>#1/add#1"]] * 2
