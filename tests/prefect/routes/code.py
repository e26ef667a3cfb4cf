"""The body is reached, or changed, by the code of the process itself."""

from __future__ import annotations

import subprocess
import sys
from typing import Any
from uuid import UUID

import cloudpickle

from govflow.prefect import instrument, uninstrument
from tests.prefect.people import Background, until
from tests.prefect.routes.bench import HEAD, Bench, TaskAttempt
from tests.prefect.routes.table import Seen, route

CODE = "Code in the process of the flow"
NOT_READ = "the code in memory is not the code that was read"
STANDS = "what stands under the names of planned steps is compared when the run starts"
UNMARKED = "every body in a governed run is guarded; no call has marked this one, so it is in no plan"
EVIL = """
def evil(marker):
    with open(marker, "a") as file:
        file.write("evil\\n")
"""


@route(CODE, "control, direct call", "a governed flow calls its risky task", "nothing: this is how a body is asked for")
def direct(bench: Bench) -> Seen:
    return bench.start(bench.module().clean).seen()


@route(
    CODE,
    "subflow",
    "a governed flow calls a flow that has the risky step",
    "the step asks, in the run of the subflow's own plan",
)
def subflow(bench: Bench) -> Seen:
    module = bench.module("\n@flow\ndef outer(marker):\n    clean(marker)\n")
    attempt = bench.start(module.outer)
    return attempt.below().seen()


@route(
    CODE,
    "subflow of a bare flow",
    "a flow of plain Prefect calls a governed flow",
    "the governed flow is a run of its own, and its step asks",
)
def subflow_of_bare(bench: Bench) -> Seen:
    module = bench.module("\n@prefect.flow\ndef outer(marker):\n    clean(marker)\n")
    attempt = bench.start(module.outer)
    return attempt.below().seen()


@route(
    CODE,
    "governed task in a bare flow",
    "a flow of plain Prefect calls the governed task",
    "the task belongs to no governed run",
)
def in_a_bare_flow(bench: Bench) -> Seen:
    module = bench.module("\n@prefect.flow\ndef outer(marker):\n    purge(marker)\n")
    return bench.start(module.outer).seen()


@route(
    CODE,
    "governed task called without a flow",
    "`purge(marker)` in a script",
    "a task that no flow calls is a run of its own, with a plan of its own",
)
def without_a_flow(bench: Bench) -> Seen:
    marker = bench.marker()
    going = Background(bench.module().purge, str(marker))
    (request,) = until(lambda: bench.asked_about(marker), "the task asks")
    return TaskAttempt(bench, UUID(request.binding.run_id), marker, going).seen(shown=False)


@route(
    CODE,
    "`task.fn`",
    "a task calls the function of the risky task past it",
    "the function is guarded as well: a call that the plan does not have",
)
def task_fn(bench: Bench) -> Seen:
    module = bench.module(
        '\n@task\ndef past(marker):\n    getattr(purge, "fn")(marker)\n\n@flow\ndef outer(marker):\n    past(marker)\n'
    )
    return bench.start(module.outer).seen()


@route(
    CODE,
    "`with_options`",
    "the flow calls a copy of the task with other options",
    "a copy is governed as its original is",
)
def with_options(bench: Bench) -> Seen:
    module = bench.module('\n@flow\ndef outer(marker):\n    purge.with_options(name="harmless", retries=1)(marker)\n')
    return bench.start(module.outer).seen()


@route(
    CODE,
    "Prefect's own `with_options`",
    "the flow calls a copy that `prefect.Task.with_options` made",
    "the copy holds the guarded function, without the mark of a planned call",
)
def bare_with_options(bench: Bench) -> Seen:
    module = bench.module(
        '\n@flow\ndef outer(marker):\n    getattr(prefect.Task, "with_options")(purge, name="harmless")(marker)\n'
    )
    return bench.start(module.outer).seen()


BARE_TASK = """
@prefect.task
def bare_purge(marker):
    import shutil
    with open(marker, "a") as file:
        file.write("ran\\n")
    shutil.rmtree(marker + ".d", ignore_errors=True)

@flow
def outer(marker):
    bare_purge(marker)
"""


@route(
    CODE,
    "undecorated task in a governed flow",
    "a governed flow calls a task of plain Prefect that deletes a folder",
    UNMARKED,
)
def bare_task(bench: Bench) -> Seen:
    return bench.start(bench.module(BARE_TASK).outer).seen()


@route(
    CODE,
    "undecorated subflow in a governed flow",
    "a governed flow calls a flow of plain Prefect that deletes a folder",
    UNMARKED,
)
def bare_subflow(bench: Bench) -> Seen:
    module = bench.module(BARE_TASK.replace("@prefect.task", "@prefect.flow"))
    return bench.start(module.outer).seen()


@route(
    CODE,
    "undecorated flow, zero code",
    "a flow and task of plain Prefect that delete a folder, in a process with `instrument()`",
    "both seams are put into Prefect's own classes",
)
def zero_code(bench: Bench) -> Seen:
    instrument()
    try:
        return bench.start(bench.module(BARE_TASK.replace("@flow", "@prefect.flow")).outer).seen()
    finally:
        uninstrument()


@route(
    CODE,
    "undecorated task in a governed flow, zero code",
    "the same in a process with `instrument()`",
    "the seams are in Prefect's own classes",
)
def bare_task_zero_code(bench: Bench) -> Seen:
    instrument()
    try:
        return bench.start(bench.module(BARE_TASK).outer).seen()
    finally:
        uninstrument()


@route(
    CODE,
    "state hook calls the function",
    "an `on_completion` hook calls the function of the risky task",
    "a hook is a step, and what it calls is governed",
)
def hook_fn(bench: Bench) -> Seen:
    return bench.start(bench.module(_hook('getattr(purge, "fn")(run.parameters["marker"])')).outer).seen()


@route(
    CODE,
    "state hook calls the task",
    "an `on_completion` hook calls the risky task",
    "the call is in no plan",
)
def hook_task(bench: Bench) -> Seen:
    return bench.start(bench.module(_hook('purge(run.parameters["marker"])')).outer).seen()


def _hook(call: str) -> str:
    return f"\ndef hook(fl, run, state):\n    {call}\n\n@flow(on_completion=[hook])\ndef outer(marker):\n    return 1\n"


OLD = HEAD.replace('file.write("ran\\n")', 'file.write("old\\n")')
PICKLE = """
import base64, sys, cloudpickle, {module}
cloudpickle.register_pickle_by_value({module})
print(base64.b64encode(cloudpickle.dumps({module}.{name})).decode())
"""


def _pickled(bench: Bench, source: str, name: str = "purge", module: str = "older") -> Any:
    """A task of that name, pickled with its code by another process that has other source."""
    import base64

    bench.home.write(f"{module}.py", source)
    text = PICKLE.format(module=module, name=name)
    made = subprocess.run([sys.executable, "-c", text], cwd=bench.folder, capture_output=True, text=True, check=True)
    return cloudpickle.loads(base64.b64decode(made.stdout))


@route(
    CODE,
    "pickled task from an older version",
    "the task is replaced by a pickle of itself whose body was another",
    NOT_READ,
)
def old_pickle(bench: Bench) -> Seen:
    module = bench.module()
    module.purge = _pickled(bench, OLD)  # type: ignore[attr-defined]
    return bench.start(module.clean).seen()


@route(
    CODE,
    "pickle of a bare task",
    "the task is replaced by a pickle of a task of plain Prefect with the same name",
    UNMARKED,
)
def bare_pickle(bench: Bench) -> Seen:
    module = bench.module()
    bare = HEAD.replace("from govflow.prefect import flow, task", "from prefect import flow, task")
    bare = bare.replace('action="data:delete", resource="table://rows"', "")
    module.purge = _pickled(bench, bare, module="bare")  # type: ignore[attr-defined]
    return bench.start(module.clean).seen()


@route(
    CODE,
    "pickle of the same task",
    "the task is replaced by a pickle of itself, body unchanged",
    "it is the planned code, and asks",
)
def same_pickle(bench: Bench) -> Seen:
    module = bench.module()
    module.purge = _pickled(bench, HEAD, module="same")  # type: ignore[attr-defined]
    return bench.start(module.clean).seen()


def _changed(bench: Bench, change: str, *, first: bool = True) -> Seen:
    """The task or its code is changed in memory, after an approved run has planned and bound it."""
    module = bench.module(EVIL)
    if first:
        assert bench.start(module.clean).seen().approved == "runs"
    exec(change, vars(module))
    return bench.start(module.clean).seen()


@route(CODE, "`task.fn` replaced after planning", "`purge.fn = evil`", NOT_READ)
def fn_replaced(bench: Bench) -> Seen:
    return _changed(bench, "purge.fn = evil")


@route(
    CODE,
    "guarded function replaced",
    "`purge.fn.fn = evil`",
    "the call goes on with the guard that was bound: the planned body asks",
)
def inner_fn_replaced(bench: Bench) -> Seen:
    return _changed(bench, "purge.fn.fn = evil")


@route(
    CODE,
    "options changed after planning",
    "`purge.retries = 5; purge.name = 'harmless'`",
    "an option of the task in memory is not the option that was read",
)
def options_changed(bench: Bench) -> Seen:
    return _changed(bench, "purge.retries = 5\npurge.name = 'harmless'")


@route(CODE, "declaration changed after planning", "`purge.governance` is replaced by one of tier 0", "the plan counts")
def governance_changed(bench: Bench) -> Seen:
    return _changed(bench, "purge.governance = type(purge.governance)(action='data:read', tier=0)")


@route(
    CODE,
    "monkeypatched body",
    "`purge.fn.fn.__code__ = evil.__code__`",
    NOT_READ,
)
def code_replaced(bench: Bench) -> Seen:
    return _changed(bench, "purge.fn.fn.__code__ = evil.__code__")


@route(CODE, "monkeypatched flow", "`clean.fn.fn.__code__ = evil.__code__`", NOT_READ)
def flow_code_replaced(bench: Bench) -> Seen:
    return _changed(bench, "clean.fn.fn.__code__ = evil.__code__")


@route(
    CODE,
    "module attribute rebound to a function",
    "`purge = evil` in the flow's module",
    STANDS,
)
def rebound(bench: Bench) -> Seen:
    return _changed(bench, "purge = evil")


@route(CODE, "module attribute rebound to a bare task", "`purge = prefect.task(evil)` in the flow's module", STANDS)
def rebound_bare(bench: Bench) -> Seen:
    return _changed(bench, "purge = prefect.task(evil)")


@route(CODE, "module attribute rebound to a governed task", "`purge = task(evil)` in the flow's module", STANDS)
def rebound_governed(bench: Bench) -> Seen:
    return _changed(bench, "purge = task(evil)")


@route(
    CODE,
    "plain function in a governed flow",
    "the flow calls a function that is no task, and that deletes a folder",
    "what it does is read from the source: it is a step of the flow's own body",
)
def plain_in_flow(bench: Bench) -> Seen:
    module = bench.module(BARE_TASK.replace("@prefect.task\n", ""))
    return bench.start(module.outer).seen()


@route(
    CODE,
    "plain function, outside any flow",
    "`purge.fn(marker)` in a script",
    "nothing: outside flows and tasks it is a call of a Python function",
    open=True,
)
def plain_outside(bench: Bench) -> Seen:
    module, marker = bench.module(), bench.marker()
    return bench.called(module.purge.fn, marker)


@route(
    CODE,
    "the function inside the guard",
    "`purge.fn.fn(marker)` in a task of a governed run",
    "nothing: whoever has a Python function can call it. The code that does so is in the plan that people approve",
    open=True,
)
def inside_guard(bench: Bench) -> Seen:
    module = bench.module(
        '\n@task\ndef past(marker):\n    getattr(getattr(purge, "fn"), "fn")(marker)\n\n'
        "@flow\ndef outer(marker):\n    past(marker)\n"
    )
    return bench.start(module.outer).seen()
