"""What somebody with a hand in the process may do to a flow after its plan was approved."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from prefect.cache_policies import CachePolicy

from govflow.prefect import task

Meddle = Callable[[ModuleType], None]


def _trace(module: ModuleType, name: str) -> Any:
    return vars(module)["trace"](name)


def plain(made: Any) -> Any:
    """The function inside a task or flow."""
    return inspect.unwrap(made.fn)


def body_code(module: ModuleType) -> None:
    def load(rows, table="orders"):  # type: ignore[no-untyped-def]
        trace("TAMPERED")  # type: ignore[name-defined] # noqa: F821 - of the flow's module
        return len(rows)

    plain(module.load).__code__ = load.__code__


def body_put_in(module: ModuleType) -> None:
    module.load.fn = lambda rows, table="orders": _trace(module, "TAMPERED")


def _evil_load(module: ModuleType) -> Callable[..., Any]:
    def load(rows: Any, table: str = "") -> Any:
        return _trace(module, "TAMPERED")

    return load


def task_replaced(module: ModuleType) -> None:
    vars(module)["load"] = task(name="load")(_evil_load(module))


def another_task_under_its_name(module: ModuleType) -> None:
    vars(module)["load"] = module.spare


def task_dropped(module: ModuleType) -> None:
    vars(module)["load"] = plain(module.load)


def helper_replaced(module: ModuleType) -> None:
    vars(module)["shown"] = lambda rows: _trace(module, "TAMPERED") or rows


def helper_code(module: ModuleType) -> None:
    module.shown.__code__ = (lambda rows: trace("TAMPERED") or rows).__code__  # type: ignore[name-defined] # noqa: F821


def helper_of_another_file(module: ModuleType) -> None:
    module.library.clean.__code__ = (lambda rows: [666]).__code__
    module.clean.__code__ = module.library.clean.__code__


def import_redirected(module: ModuleType) -> None:
    vars(module)["clean"] = module.library.widen


def import_redirected_at_its_source(module: ModuleType) -> None:
    vars(module.library)["clean"] = vars(module)["clean"] = lambda rows: _trace(module, "TAMPERED") or rows


def constant(module: ModuleType) -> None:
    vars(module)["TABLE"] = "TAMPERED"


def constant_of_another_file(module: ModuleType) -> None:
    vars(module.library)["LIMIT"] = 10**9


def method(module: ModuleType) -> None:
    module.Scale.by = lambda self, rows, factor=2: _trace(module, "TAMPERED") or rows


def class_replaced(module: ModuleType) -> None:
    vars(module)["Scale"] = type("Scale", (), {"by": lambda self, rows, factor=2: _trace(module, "TAMPERED") or rows})


def default(module: ModuleType) -> None:
    plain(module.extract).__defaults__ = ("TAMPERED", 3)


def default_by_name_written_into(module: ModuleType) -> None:
    plain(module.sized).__kwdefaults__["note"] = "TAMPERED"


def default_of_a_method(module: ModuleType) -> None:
    module.Scale.by.__defaults__ = (666,)


def retries(module: ModuleType) -> None:
    module.extract.retries = 9


def cache_key(module: ModuleType) -> None:
    module.extract.cache_key_fn = lambda *_: _trace(module, "TAMPERED")


def retry_condition(module: ModuleType) -> None:
    module.extract.retry_condition_fn = lambda *_: _trace(module, "TAMPERED")


def cache_policy(module: ModuleType) -> None:
    class Told(CachePolicy):
        def compute_key(self, *_: Any, **__: Any) -> str | None:
            _trace(module, "TAMPERED")
            return None

    module.extract.cache_policy = Told()


def function_of_the_cache_policy(module: ModuleType) -> None:
    module.extract.cache_policy = CachePolicy.from_cache_key_fn(lambda *_: _trace(module, "TAMPERED"))


def run_name(module: ModuleType) -> None:
    module.extract.task_run_name = lambda: _trace(module, "TAMPERED") or "a name"


def run_name_of_the_flow(module: ModuleType) -> None:
    module.main.flow_run_name = lambda: _trace(module, "TAMPERED") or "a name"


def hook_of_the_flow(module: ModuleType) -> None:
    module.main.on_running_hooks.append(lambda *_: _trace(module, "TAMPERED"))


def options_at_run_time(module: ModuleType) -> None:
    vars(module)["extract"] = module.extract.with_options(cache_key_fn=lambda *_: _trace(module, "TAMPERED"))


def hook(module: ModuleType) -> None:
    module.extract.on_completion(lambda *_: _trace(module, "TAMPERED"))


def flow_code(module: ModuleType) -> None:
    plain(module.main).__code__ = (lambda: trace("TAMPERED")).__code__  # type: ignore[name-defined] # noqa: F821


def globals_of_a_body(module: ModuleType) -> None:
    """The same code with other names to read, in the very guard whose calls were decided before."""
    first_run(module)
    for guard in vars(module.load)["_govflow_kept"].at.values():
        own = guard.fn
        space = {**own.__globals__, "trace": lambda _: _trace(module, "TAMPERED")}
        guard.fn = type(own)(own.__code__, space, own.__name__, own.__defaults__)


def rounds(module: ModuleType) -> None:
    """A tuple that goes round more often than it is long."""

    class Longer(tuple[str, ...]):
        def __iter__(self) -> Any:
            yield from ("north", "south", "TAMPERED")

    vars(module)["NAMES"] = Longer(("north", "south"))


def subflow(module: ModuleType) -> None:
    vars(module)["child"] = module.other


IN_MEMORY: dict[str, tuple[Meddle, str]] = {
    "body_code": (body_code, "line"),
    "body_put_in": (body_put_in, "submitted"),
    "task_replaced": (task_replaced, "branched"),
    "another_task_under_its_name": (another_task_under_its_name, "helped"),
    "task_dropped": (task_dropped, "line"),
    "helper_replaced": (helper_replaced, "mapped"),
    "helper_code": (helper_code, "looped"),
    "helper_of_another_file": (helper_of_another_file, "nested"),
    "import_redirected": (import_redirected, "inside"),
    "import_redirected_at_its_source": (import_redirected_at_its_source, "line"),
    "constant": (constant, "looped"),
    "constant_of_another_file": (constant_of_another_file, "asynchronous"),
    "method": (method, "optioned"),
    "class_replaced": (class_replaced, "branched"),
    "default": (default, "branched"),
    "default_by_name_written_into": (default_by_name_written_into, "keyworded"),
    "default_of_a_method": (default_of_a_method, "line"),
    "retries": (retries, "hooked"),
    "cache_key": (cache_key, "guarded"),
    "retry_condition": (retry_condition, "inside"),
    "cache_policy": (cache_policy, "line"),
    "function_of_the_cache_policy": (function_of_the_cache_policy, "branched"),
    "run_name": (run_name, "line"),
    "run_name_of_the_flow": (run_name_of_the_flow, "line"),
    "hook_of_the_flow": (hook_of_the_flow, "line"),
    "options_at_run_time": (options_at_run_time, "line"),
    "hook": (hook, "helped"),
    "flow_code": (flow_code, "line"),
    "globals_of_a_body": (globals_of_a_body, "looped"),
    "rounds": (rounds, "looped"),
    "subflow": (subflow, "nested"),
}
"""What is done, and to which flow. What was put in its place must leave no trace."""

NEVER: dict[str, tuple[str, ...]] = {
    "another_task_under_its_name": ("spare",),
    "task_dropped": ("load",),
    "helper_of_another_file": ("transform", "load"),
    "import_redirected": ("transform", "load"),
    "constant": ("note TAMPERED",),
    "constant_of_another_file": ("transform", "load"),
    "default": ("extract",),
    "default_of_a_method": ("transform", "load"),
    "retries": ("extract",),
    "rounds": ("load",),
    "subflow": ("other", "note orders"),
}
"""Bodies that must not have run, beside any that says TAMPERED."""


def first_run(module: ModuleType) -> None:
    """A run as it should be: from here on the plan is bound and everything is warm."""
    found = module.main()
    if inspect.isawaitable(found):

        async def wait() -> Any:
            return await found

        asyncio.run(wait())
