"""What the planner follows, construct by construct."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from govflow.errors import FlowNotFound, SourceError
from govflow.ir.hashing import plan_hash
from govflow.ir.models import StepKind, Tier
from govflow.planning.planner import list_flows, plan_flow
from govflow.planning.source import MemoryTree
from tests.planning.reading import TASKS, edges, in_async_flow, in_flow, plan_of, reasons, steps

FLOW = "@flow\ndef main():\n    {}\n"


# data and order


@pytest.mark.parametrize(
    "body",
    [
        "x = a()\nb(x)",
        "x = a.submit()\nb.submit(x.result())",
        "x = a.submit()\nx.wait()\nb(y=x)",
        "x = a(return_state=True)\nb(x)",
        "x, y = a(), 1\nb(x)",
        "x = {'k': a()}\nb(x['k'])",
        "x = [a()]\nb(x[0])",
        "x = [a.submit() for _ in range(3)]\nb([f.result() for f in x])",
        "b(f'{a()} rows')",
        "b((x := a()))",
        "x = a()\nx = x.head().index\nb(x)",
        "x = a() + 1\nb(x)",
        "xs = []\nxs.append(a())\nb(xs)",
        "x = {}\nx['k'] = a()\nb(**{'y': x})",
        "b(*[a()])",
        "first, *rest = [1, a()]\nb(rest)",
        "b(a() if n else None)",
        "b(n and a())",
        "try:\n    x = a()\nexcept Exception:\n    x = None\nb(x)",
        "x = None\nfor i in range(3):\n    x = a(i)\nb(x)",
        "get = lambda: a()\nb(get())",
        "with a() as x:\n    b(x)",
        "match a():\n    case [x]:\n        b(x)",
        "total = 0\nfor i in range(2):\n    total += a(i)\nb(total)",
        "global kept\nkept = a()\nb(kept)",
        "def inner():\n    return a()\nb(inner())",
        "x = 1\ndef inner():\n    nonlocal x\n    x = a()\ninner()\nb(x)",
        "def gen():\n    yield a()\nfor x in gen():\n    b(x)",
        "fs = dict(k=a.submit())\nfor k, f in fs.items():\n    b(f)",
        "for x, y in zip([a()], [1]):\n    b(x)",
        "for i, x in enumerate([a()]):\n    b(x)",
    ],
)
def test_data_edge_is_found_through(body: str) -> None:
    assert any("a#1 -> b#1" in edge or edge.endswith("a#1 -> b#1") for edge in edges(in_flow(body)))


def test_no_edge_where_no_value_flows() -> None:
    plan = in_flow("x, y = a(), 1\nb(y)\nz = {'k': a(), 'l': 2}\nb(z['l'])")
    assert edges(plan) == set()
    assert list(steps(plan)) == ["a#1", "b#1", "a#2", "b#2"]


def test_wait_for_is_an_order_edge_and_no_parameter() -> None:
    plan = in_flow("x = a.submit()\nb.submit(1, wait_for=[x])")
    assert edges(plan) == {"a#1 ~> b#1"}
    assert plan.step("main/b#1").parameters == ("x",)


def test_gather_and_tasks_of_a_group_keep_their_own_values() -> None:
    plan = in_async_flow("""
        x, y = await asyncio.gather(a(), b())
        c(x)
        async with asyncio.TaskGroup() as group:
            later = group.create_task(b(y))
        c(later.result())
        """)
    assert edges(plan) == {"a#1 -> c#1", "b#1 -> b#2", "b#2 -> c#2"}


def test_what_a_round_of_a_loop_leaves_reaches_the_next() -> None:
    assert "b#1 -> a#1" in edges(in_flow("x = 0\nfor i in range(3):\n    y = a(x)\n    x = b(y)"))


# multiplicity


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a()\nb()", {"a#1": "one", "b#1": "one"}),
        ("if n:\n    a()\nelse:\n    b()\nc()", {"a#1": "optional", "b#1": "optional", "c#1": "one"}),
        ("if n:\n    return\na()", {"a#1": "optional"}),
        ("if n:\n    raise ValueError\na()", {"a#1": "one"}),
        ("if n:\n    raise ValueError(b())\nelse:\n    a()\nc()", {"b#1": "optional", "a#1": "one", "c#1": "one"}),
        ("for i in range(3):\n    a()\nelse:\n    b()", {"a#1": "many", "b#1": "one"}),
        ("for i in range(3):\n    if i:\n        break\nelse:\n    b()\nc()", {"b#1": "optional", "c#1": "one"}),
        ("for i in range(3):\n    if i:\n        return\nc()", {"c#1": "optional"}),
        ("while n:\n    a()\nb()", {"a#1": "many", "b#1": "one"}),
        ("while True:\n    a()", {"a#1": "many"}),
        ("try:\n    a()\nexcept ValueError:\n    b()\nfinally:\n    c()",
         {"a#1": "optional", "b#1": "optional", "c#1": "one"}),
        ("try:\n    a()\nexcept ValueError:\n    b()\n    raise\nc()", {"a#1": "one", "b#1": "optional", "c#1": "one"}),
        ("try:\n    a()\nfinally:\n    b()", {"a#1": "one", "b#1": "one"}),
        ("with open('x') as f:\n    a()", {"a#1": "one"}),
        ("import contextlib\nwith contextlib.suppress(ValueError):\n    a()\nb()", {"a#1": "optional", "b#1": "one"}),
        ("match n:\n    case 1:\n        a()\n    case _:\n        b()", {"a#1": "optional", "b#1": "optional"}),
        ("n and a()", {"a#1": "optional"}),
        ("a() and b()", {"a#1": "one", "b#1": "optional"}),
        ("[a(i) for i in b()]", {"a#1": "many", "b#1": "one"}),
        ("a.map([1, 2], y=unmapped(3))", {"a#1": "many"}),
        ("return a()\nb()", {"a#1": "one"}),
        ("if False:\n    a()\nb()", {"b#1": "one"}),
        ("def h():\n    if n:\n        return\n    a()\nh()\nb()", {"h#1/a#1": "optional", "b#1": "one"}),
        ("def h(k):\n    a()\n    if k:\n        h(k - 1)\nh(3)", {"h#1/a#1": "many"}),
        ("def gen():\n    yield a()\ngen()", {"gen#1/a#1": "optional"}),
        ("import tenacity\n@tenacity.retry(stop=3)\ndef h():\n    a()\nh()", {"h#1/a#1": "many"}),
        ("import functools\n@functools.wraps(n)\ndef h():\n    a()\nh()", {"h#1/a#1": "one"}),
        ("import tenacity\ndef h():\n    a()\nh()\nsend = tenacity.retry(h)", {"h#1/a#1": "one", "h#2/a#1": "many"}),
        ("try:\n    a()\nexcept* ValueError:\n    b()", {"a#1": "optional", "b#1": "optional"}),
    ],
)  # fmt: skip
def test_multiplicity(body: str, expected: dict[str, str]) -> None:
    found = steps(in_flow(body))
    assert {name.replace("main.<locals>.", ""): how for name, how in found.items()} == expected


# calls


def test_parameters_are_bound_by_the_signature_and_literals_are_kept() -> None:
    plan = plan_of("""
        TABLE = "sales"
        @task
        def load(table, /, limit=10, *rest, mode="r", **more): ...
        @flow
        def main(n):
            load(TABLE, 5, 6, mode=n, extra=[1, {"k": None}])
            load(*n)
            load.map([1, 2], limit=unmapped(7))
        """)
    first, second, third = (plan.step(f"main/load#{number}") for number in (1, 2, 3))
    assert first.parameters == ("table", "limit", "mode", "extra", "rest")
    assert first.constants == {"table": "sales", "limit": 5, "extra": [1, {"k": None}], "rest": [6]}
    assert second.parameters == ("more", "rest")
    assert third.parameters == ("table", "limit")
    assert third.constants == {"limit": 7}


def test_a_constant_that_a_loop_changes_is_none() -> None:
    assert in_flow("x = 1\nfor i in range(3):\n    a(x)\n    x = 2").step("main/a#1").constants == {}


def test_govflow_decorators_with_their_options() -> None:
    plan = plan_of("""
        from govflow.prefect import task as governed, flow as governed_flow
        from govflow.ir.models import Tier
        @governed(action="data:delete", provider="duckdb", resource="table://{table}", tier=3, approval="owners",
                  records="{count}", retries=2)
        def purge(table, count): ...
        @governed(tier=Tier.MEDIUM)
        def low(): ...
        @governed_flow(name="Nightly", action="data:load", provider="duckdb", resource="db://x", tier=1, retries=4)
        def main():
            purge("t", 5)
            low()
        """)
    step = plan.step("main/purge#1")
    assert (step.action, step.provider, step.resource) == ("data:delete", "duckdb", "table://{table}")
    assert (step.tier, step.approval, step.records, step.retries) == (Tier.HIGH, "owners", "{count}", 2)
    assert plan.step("main/low#1").tier is Tier.MEDIUM
    body = plan.steps[0]
    assert (body.step_id, body.kind, body.action, body.tier) == ("main", StepKind.BODY, "data:load", Tier.LOW)
    assert (plan.flow, plan.retries) == ("Nightly", 4)


def test_defaults_of_an_undeclared_flow_and_task() -> None:
    plan = in_flow("a()")
    assert (plan.flow, plan.file, plan.function) == ("main", "f.py", "main")
    body, step = plan.steps
    assert (body.action, body.provider, body.resource) == ("flow:execute", "prefect", "flow://f/main")
    assert (step.action, step.provider, step.resource) == ("task:execute", "python", "task://f/a")


def test_an_option_that_is_not_a_constant_is_a_finding_and_the_default_counts() -> None:
    plan = plan_of("""
        import os
        @task(action=os.environ["A"], tier=9)
        def odd(): ...
        @flow
        def main():
            odd()
        """)
    assert plan.step("main/odd#1").action == "task:execute"
    assert [(item.code, item.line) for item in plan.findings] == [
        ("option-not-constant", 17),
        ("option-not-usable", 17),
    ]


@pytest.mark.parametrize(
    "made",
    [
        "import prefect\n@prefect.task\ndef t(): ...",
        "import prefect as p\n@p.task(name='x')\ndef t(): ...",
        "from prefect.tasks import task as job\n@job()\ndef t(): ...",
        "def t_(): ...\nt = task(t_)",
        "def t_(): ...\nt = task(name='x')(t_)",
        "from functools import partial\njob = partial(task, retries=1)\n@job\ndef t(): ...",
        "def job(**options):\n    return task(retries=1, **options)\n@job(name='x')\ndef t(): ...",
        "def job(fn):\n    return task(fn)\n@job\ndef t(): ...",
        "@task\ndef t0(): ...\nt = t0.with_options(name='x')",
        "import functools\n@functools.lru_cache\n@task\ndef t(): ...",
        "from prefect import *\n@task\ndef t(): ...",
        "from prefect.assets import materialize\n@materialize('s3://x/y', retries=1)\ndef t(): ...",
        "from prefect import Task\nt = Task(fn=lambda: 1)",
        "class Jobs:\n    @staticmethod\n    @task\n    def t(): ...\nt = Jobs.t",
        "if True:\n    @task\n    def t(): ...",
        "try:\n    import x\nexcept ImportError:\n    x = None\nelse:\n    pass\n@task\ndef t(): ...",
    ],
)
def test_ways_to_make_a_task(made: str) -> None:
    plan = plan_of(f"{made}\n@flow\ndef main():\n    t()\n")
    assert [step.kind for step in plan.steps] == [StepKind.BODY, StepKind.TASK]


@pytest.mark.parametrize(
    "call",
    ["a.submit()", "a.map([1])", "a.delay(1)", "a.apply_async((1,))", "a.with_options(retries=3)()", "a.__call__(1)",
     "do = a.submit\ndo(1)", "from functools import partial\npartial(a, 1)()", "(lambda: a())()"],
)  # fmt: skip
def test_ways_to_call_a_task(call: str) -> None:
    found = in_flow(call)
    assert [step.kind for step in found.steps] == [StepKind.BODY, StepKind.TASK]


def test_with_options_changes_what_the_step_says() -> None:
    plan = in_flow("a.with_options(retries=3)()\na()")
    assert [plan.step(f"main/a#{number}").retries for number in (1, 2)] == [3, 0]


def test_tasks_in_containers_are_each_a_candidate() -> None:
    plan = in_flow("for t in [a, b]:\n    t()\n{'x': a, 'y': c}[n]()\n{'x': a, 'y': c}['y']()")
    assert steps(plan) == {"a#1": "many", "b#1": "many", "a#2": "optional", "c#1": "optional", "c#2": "one"}


def test_helpers_of_other_files_aliases_packages_and_reexports() -> None:
    plan = plan_of(
        """
        import tools.load as loading
        from tools import save as keep, pick
        from tools.deep import *
        import tools.deep
        @flow
        def main():
            x = loading.fetch()
            keep(x)
            pick()
            deepest()
            tools.deep.deepest()
        """,
        files={
            "tools/__init__.py": "from .save import save\nfrom tools.pick import pick\n",
            "tools/load.py": "from prefect import task\n@task\ndef fetch(): ...\n",
            "tools/save.py": "from prefect import task\n@task\ndef save(x): ...\n",
            "tools/pick.py": "from . import load\ndef pick():\n    return load.fetch()\n",
            "tools/deep.py": "from prefect import task\n@task\ndef deepest(): ...\n",
        },
    )
    assert list(steps(plan)) == [
        "tools/load.py:fetch#1",
        "tools/save.py:save#1",
        "tools/pick.py:pick#1/tools/load.py:fetch#1",
        "tools/deep.py:deepest#1",
        "tools/deep.py:deepest#2",
    ]
    assert edges(plan) == {"tools/load.py:fetch#1 -> tools/save.py:save#1"}
    assert plan.step("main/tools/load.py:fetch#1").resource == "task://load/fetch"


def test_circular_imports_end() -> None:
    plan = plan_of(
        "from other import go\n@flow\ndef main():\n    go()\n",
        files={"other.py": "from f import a\ndef go():\n    a()\n"},
    )
    assert steps(plan) == {"other.py:go#1/a#1": "one"}


def test_a_package_that_imports_its_own_submodule_by_name() -> None:
    plan = plan_of(
        "import pack\nfrom pack import sub\n@flow\ndef main():\n    pack.sub.go()\n    sub.go()\n    pack.no.go()\n",
        files={
            "pack/__init__.py": "from . import sub, no\n",
            "pack/sub.py": "from prefect import task\n@task\ndef go(): ...\n",
        },
    )
    assert list(steps(plan)) == ["pack/sub.py:go#1", "pack/sub.py:go#2", "unresolved#1"]


def test_an_import_that_may_fail_is_a_choice() -> None:
    plan = plan_of(
        "try:\n    from fast import load\nexcept ImportError:\n    from slow import load\n"
        "@flow\ndef main():\n    load.submit(1)\n",
        files={
            "fast.py": "try:\n    from f import load\nexcept ImportError:\n    load = None\n",
            "slow.py": "from prefect import task\n@task\ndef load(x): ...\n",
        },
    )
    assert list(steps(plan)) == ["slow.py:load#1"]


def test_methods_and_objects() -> None:
    plan = plan_of("""
        class Base:
            def go(self):
                return self.step(1)
        class Job(Base):
            def __init__(self, t):
                self.t = t
            @task
            def step(self, x): ...
            def __call__(self):
                self.t()
        @flow
        def main():
            job = Job(a)
            job.go()
            job()
        """)
    assert list(steps(plan)) == ["Base.go#1/Job.step#1", "Job.__call__#1/a#1"]
    assert plan.step("main/Base.go#1/Job.step#1").parameters == ("x",)


# subflows


SUBFLOW = """
@flow(action="data:load")
def child(x):
    b(x)
@flow
def main():
    child(a())
"""


def test_a_subflow_is_one_step_whose_code_is_its_own_plan() -> None:
    plan = plan_of(SUBFLOW)
    step = plan.step("main/child#1")
    assert (step.kind, step.action, step.provider) == (StepKind.SUBFLOW, "data:load", "prefect")
    assert step.code == plan_hash(plan_of(SUBFLOW, flow="child"))
    assert edges(plan) == {"a#1 -> child#1"}
    assert plan_of(SUBFLOW.replace("b(x)", "c(x)")).step("main/child#1").code != step.code


def test_flows_that_call_each_other_end() -> None:
    source = "@flow\ndef main():\n    other()\n@flow\ndef other():\n    main()\n    a()\n"
    assert steps(plan_of(source)) == {"other#1": "one"}
    assert plan_hash(plan_of(source)) == plan_hash(plan_of(source))


def test_run_deployment_is_a_step_of_its_own() -> None:
    plan = in_flow("from prefect.deployments import run_deployment\nrun_deployment('etl/prod', parameters={'x': a()})")
    step = plan.step("main/run_deployment#1")
    assert (step.kind, step.action, step.resource) == (StepKind.SUBFLOW, "deployment:run", "deployment://etl/prod")
    assert edges(plan) == {"a#1 -> run_deployment#1"}


# what cannot be read


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("cb()", "given at run time"),
        ("cb.submit(1)", "given at run time"),
        ("import f\ngetattr(f, n)()", "computed"),
        ("globals()[n]()", "globals()"),
        ("exec('a()')", "exec runs code"),
        ("from company import load\nload.submit(1)", "company.load is not in the repository"),
        ("from company import load\nload.with_options(retries=1)(1)", "seems to be a task or flow"),
        ("from prefect_shell import shell_run_command\nshell_run_command('x')", "may be a task"),
        ("from broken import *\ngo()", "the name go is not defined"),
        ("missing()", "the name missing is not defined"),
        ("from broken import go\ngo()", "broken.py cannot be parsed"),
        ("from lib import nothing\nnothing()", "has no name nothing"),
        ("from .gone import go\ngo()", "not in the repository"),
        ("import importlib\nimportlib.import_module(n).go()", "name is computed"),
        ("flow.from_source('git', entrypoint='x').deploy()\nflow.from_source('git', entrypoint='x')()", "from_source"),
    ],
)
def test_what_cannot_be_read_is_an_unresolved_step(body: str, reason: str) -> None:
    source = "@flow\ndef main(n=1, cb=None):\n" + textwrap.indent(body, "    ")
    plan = plan_of(source, files={"broken.py": "def go(:\n", "lib.py": "x = 1\n"})
    found = reasons(plan)
    assert any(reason in item for item in found), found
    step = next(step for step in plan.steps if step.kind is StepKind.UNRESOLVED)
    assert step.sites[-1].file == "f.py"
    assert step.sites[-1].line >= 17


@pytest.mark.parametrize(
    "body",
    [
        "print(len([1]))",
        "import pandas as pd\nx = pd.read_csv('x').groupby('k').sum()\nx.apply(lambda row: row + 1)",
        "n.upper().strip()",
        "from prefect import get_run_logger\nget_run_logger().info('x %s', n)",
        "rows = []\nrows.append(n)\nrows.sort(key=lambda row: row)",
        "import logging\nlog = logging.getLogger(__name__)\nlog.info('go')",
        "isinstance(n, int)",
        "from prefect.variables import Variable\nVariable.get('x')",
    ],
)
def test_ordinary_calls_are_no_steps(body: str) -> None:
    assert steps(in_flow(body)) == {}


def test_a_helper_given_to_a_pool_is_followed() -> None:
    plan = in_flow("""
        from concurrent.futures import ThreadPoolExecutor
        def work(x):
            a(x)
        with ThreadPoolExecutor() as pool:
            pool.submit(work, 1)
            list(pool.map(lambda x: b(x), [1]))
        """)
    assert set(steps(plan).values()) == {"many"}
    assert [step.callee for step in plan.steps[1:]] == ["a", "b"]


def test_main_guard_is_not_run_and_a_task_called_at_import_is_a_finding() -> None:
    plan = plan_of("@flow\ndef main():\n    a()\nb()\nif __name__ == '__main__':\n    main()\n    c()\n")
    assert steps(plan) == {"a#1": "one"}
    assert [(item.code, item.line) for item in plan.findings] == [("runs-at-import", 18)]


def test_calls_of_tasks_inside_tasks_are_steps_below_them() -> None:
    plan = plan_of("@task\ndef outer(x):\n    return a(x)\n@flow\ndef main():\n    outer.submit(1)\n")
    assert steps(plan) == {"outer#1": "one", "outer#1/a#1": "optional"}
    assert [site.function for site in plan.step("main/outer#1/a#1").sites] == ["main", "outer"]


# hooks


def test_callables_given_to_decorators_are_hook_steps() -> None:
    source = """
        def told(*args):
            print({!r})
        @task(on_failure=[told], cache_key_fn=lambda *args: "x", task_run_name=told, retry_delay_seconds=[1, 2])
        def watched(): ...
        @watched.on_rollback
        def undo(txn): ...
        @flow(on_completion=[told], flow_run_name="plain")
        def main():
            watched()
            watched()
        """
    plan = plan_of(source.format("one"))
    hooks = [step for step in plan.steps if step.kind is StepKind.HOOK]
    assert [step.step_id for step in hooks] == [
        "main/@on_completion/told#1",
        "main/watched@on_failure/told#1",
        "main/watched@cache_key_fn/<lambda>#1",
        "main/watched@task_run_name/told#1",
        "main/watched@on_rollback/undo#1",
    ]
    assert [step.multiplicity.value for step in hooks] == ["optional", "many", "many", "many", "many"]
    assert plan_hash(plan) != plan_hash(plan_of(source.format("two")))


@pytest.mark.parametrize(
    ("options", "body", "expected"),
    [
        ("", "load()", "optional"),
        ("", "load()\nload()", "many"),
        ("", "for x in range(3):\n    load(x)", "many"),
        ("", "load.map([1, 2])", "many"),
        ("retries=1, ", "load()", "many"),
        ("", "load()\nload.with_options(name='again')()", "many"),
    ],
)
def test_a_hook_runs_as_often_as_its_task(options: str, body: str, expected: str) -> None:
    plan = plan_of(
        "def told(*_): ...\n"
        f"@task({options}on_completion=[told])\ndef load(x=None): ...\n"
        "@flow\ndef main():\n" + textwrap.indent(body, "    ")
    )
    assert [step.multiplicity.value for step in plan.steps if step.kind is StepKind.HOOK] == [expected]


def test_hooks_of_a_flow_that_is_tried_again_run_again() -> None:
    plan = plan_of("def told(*_): ...\n@flow(retries=1, on_running=[told])\ndef main(): ...\n")
    assert [step.multiplicity.value for step in plan.steps if step.kind is StepKind.HOOK] == ["many"]


# finding flows


FLOWS = """
from prefect import flow
@flow
def load_sales(day: str, *, limit: "int" = 10): ...
@flow(name="Nightly Export")
def export(): ...
def plain(): ...
"""


def test_flows_of_a_file_are_listed_in_source_order() -> None:
    found = list_flows(MemoryTree({"etl/f.py": FLOWS}), "etl/f.py")
    assert [(ref.path, ref.function, ref.name, ref.line) for ref in found] == [
        ("etl/f.py", "load_sales", "load-sales", 4),
        ("etl/f.py", "export", "Nightly Export", 6),
    ]


def test_parameters_of_the_flow() -> None:
    plan = plan_flow(MemoryTree({"f.py": FLOWS}), "f.py", "load_sales").plan
    day, limit = plan.parameters
    assert (day.name, day.required, day.annotation, day.default) == ("day", True, "str", None)
    assert (limit.name, limit.required, limit.annotation, limit.default) == ("limit", False, "'int'", "10")


@pytest.mark.parametrize("name", ["export", "Nightly Export"])
def test_a_flow_is_found_by_function_and_by_name(name: str) -> None:
    assert plan_flow(MemoryTree({"f.py": FLOWS}), "f.py", name).plan.function == "export"


def test_a_flow_that_is_not_there_names_what_is() -> None:
    with pytest.raises(FlowNotFound, match=r"load_sales, export.*Did you mean load_sales"):
        plan_flow(MemoryTree({"f.py": FLOWS}), "f.py", "load_sale")
    with pytest.raises(FlowNotFound, match=r"defines 2 flows: load_sales, export"):
        plan_flow(MemoryTree({"f.py": FLOWS}), "f.py")
    with pytest.raises(FlowNotFound, match="defines no flow"):
        plan_flow(MemoryTree({"f.py": "x = 1\n"}), "f.py")


def test_a_file_that_cannot_be_read_names_file_and_line() -> None:
    with pytest.raises(SourceError, match=r"^a/f\.py:2: "):
        list_flows(MemoryTree({"a/f.py": "x = 1\ndef (:\n"}), "a/f.py")
    with pytest.raises(SourceError, match=r"no file f\.py"):
        plan_flow(MemoryTree({}), "f.py")
    with pytest.raises(SourceError, match="nested too deeply"):
        plan_flow(MemoryTree({"f.py": TASKS + FLOW.format("x = " + "+".join(["a()"] * 3000))}), "f.py")


# hashes


NOISY = '''
"""A docstring."""
from prefect import task, flow   # reordered


def twice(count):
    """Doc."""
    # comment
    result = count * FACTOR
    return result

FACTOR = 2


@task
def load(x: "int" = 1) -> int:
    rows = [row for row in range(x)]
    return twice( rows )


@flow(name="etl")
def main():

    found = load(3)
    load(found)
'''
PLAIN = """
from prefect import flow, task
FACTOR = 2
def twice(count):
    answer = count * FACTOR
    return answer
@task
def load(x=1):
    lines = [line for line in range(x)]
    return twice(lines)
@flow(name="etl")
def main():
    x = load(3)
    load(x)
"""


def hash_of(source: str) -> str:
    return plan_hash(plan_flow(MemoryTree({"f.py": source}), "f.py").plan)


def test_noise_does_not_change_the_hash() -> None:
    assert hash_of(NOISY) == hash_of(PLAIN)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("FACTOR = 2", "FACTOR = 3"),
        ("count * FACTOR", "count + FACTOR"),
        ("x=1", "x=2"),
        ("load(3)", "load(4)"),
        ("load(x)", "load(5)"),
        ("range(x)", "range(x + 1)"),
        ("@task", "@task(retries=1)"),
        ("@task", "@task(action='data:write')"),
        ("return twice(lines)", "return lines"),
        ("    load(x)", "    load(x)\n    load(x)"),
        ("    x = load(3)", "    print(1)\n    x = load(3)"),
    ],
)
def test_what_the_flow_does_changes_the_hash(before: str, after: str) -> None:
    assert before in PLAIN
    assert hash_of(PLAIN.replace(before, after)) != hash_of(PLAIN)


def test_the_plan_does_not_depend_on_the_root_of_the_tree() -> None:
    files = {
        "flows/etl.py": "from prefect import flow\nfrom parts import go\nfrom lib.deep import t\n"
        "@flow\ndef main():\n    go()\n    t()\n",
        "flows/parts.py": TASKS + "def go():\n    a()\n",
        "lib/__init__.py": "",
        "lib/deep.py": TASKS + "t = b\n",
    }
    moved = {f"deep/er/{path}": text for path, text in files.items()}
    here, there = plan_flow(MemoryTree(files), "flows/etl.py"), plan_flow(MemoryTree(moved), "deep/er/flows/etl.py")
    assert here.plan == there.plan
    assert here.functions == there.functions
    assert {(ref.file, ref.qualname, ref.role) for ref in here.functions} == {
        ("etl.py", "main", "flow"),
        ("parts.py", "go", "helper"),
        ("parts.py", "a", "task"),
        ("../lib/deep.py", "b", "task"),
    }


@pytest.mark.covers("S5-02")
def test_one_step_for_each_call_site_with_resource_and_inputs() -> None:
    plan = plan_of("""
        @task(resource="table://{table}")
        def write(table, rows): ...
        @flow
        def main():
            rows = a.map([1, 2])
            write("sales", rows)
            write("stock", rows)
        """)
    assert steps(plan) == {"a#1": "many", "write#1": "one", "write#2": "one"}
    assert [plan.step(f"main/write#{number}").constants for number in (1, 2)] == [
        {"table": "sales"},
        {"table": "stock"},
    ]
    assert {plan.step(f"main/write#{number}").resource for number in (1, 2)} == {"table://{table}"}
    assert plan.step("main/write#1").parameters == ("table", "rows")


def test_a_booby_trapped_file_is_never_executed(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    trap = f"open({str(mark)!r}, 'w').close()\n"
    source = f"import trap\n{trap}@flow\ndef main(x={trap.strip()}):\n    {trap.strip()}\n    a()\n    trap.go()\n"
    plan = plan_of(source, files={"trap.py": trap + "class T(type):\n    " + trap + "def go():\n    " + trap})
    assert steps(plan) == {"a#1": "one"}
    assert not mark.exists()


# classes derived from Prefect's


OWN_CLASS = """
from prefect import Task
class Mine(Task):
    def __init__(self, fn, **options):
        super().__init__(fn, **options)
    def __call__(self, *args, **kwargs):
        print("one")
        return super().__call__(*args, **kwargs)
def load(x): ...
t = Mine(load, retries=2, cache_policy=None)
@flow
def main():
    t(1)
"""


def test_a_task_of_an_own_class_holds_its_options_and_what_its_class_does() -> None:
    plan = plan_of(OWN_CLASS)
    (step,) = [step for step in plan.steps if step.kind is StepKind.TASK]
    assert (step.step_id, step.retries, step.parameters) == ("main/Mine.__call__#1/load#1", 2, ("x",))
    for old, new in (('"one"', '"two"'), ("cache_policy=None", "cache_policy=INPUTS")):
        changed = plan_of(OWN_CLASS.replace(old, new))
        assert next(s.code for s in changed.steps if s.kind is StepKind.TASK) != step.code


def test_a_flow_of_an_own_class_holds_what_its_class_does() -> None:
    source = (
        "from prefect import Flow\nclass Mine(Flow):\n    def __call__(self, *args):\n        print('one')\n"
        "        return super().__call__(*args)\n@Mine\ndef below():\n    a()\n@flow\ndef main():\n    below()\n"
    )
    for name in ("main", "below"):
        assert plan_hash(plan_of(source, flow=name)) != plan_hash(plan_of(source.replace("one", "two"), flow=name))


@pytest.mark.parametrize("base", ["Task", "Task[[int], int]", "prefect.Task", "prefect.tasks.Task"])
def test_an_own_class_may_be_derived_in_several_ways(base: str) -> None:
    head = f"import prefect, prefect.tasks\nfrom prefect import Task\nclass Mine({base}): ...\nclass Other(Mine): ...\n"
    plan = plan_of(f"{head}def load(x): ...\nt = Other(load)\n@flow\ndef main():\n    t(1)\n")
    assert steps(plan) == {"load#1": "one"}


def test_with_options_gives_a_task_of_prefects_own_class() -> None:
    plan = plan_of(OWN_CLASS.replace("    t(1)", "    t.with_options(retries=1)(1)"))
    assert steps(plan) == {"load#1": "one"}
