"""Names that planning knows: Prefect's, govflow's, and the few of the standard library that move calls about."""

from __future__ import annotations

from typing import Final

ENGINE_PACKAGES: Final = frozenset({"prefect", "govflow"})
"""Never looked for in the repository, also where the repository holds a folder of that name."""

TASK_MAKERS: Final = frozenset(
    {
        "prefect.task",
        "prefect.tasks.task",
        "prefect.Task",
        "prefect.tasks.Task",
        "govflow.prefect.task",
        "govflow.prefect.decorators.task",
    }
)
FLOW_MAKERS: Final = frozenset(
    {
        "prefect.flow",
        "prefect.flows.flow",
        "prefect.Flow",
        "prefect.flows.Flow",
        "govflow.prefect.flow",
        "govflow.prefect.decorators.flow",
    }
)
TASK_CLASSES: Final = frozenset({"prefect.Task", "prefect.tasks.Task"})
FLOW_CLASSES: Final = frozenset({"prefect.Flow", "prefect.flows.Flow"})
"""Classes that others may be derived from."""
ASSET_TASK_MAKERS: Final = frozenset({"prefect.assets.materialize", "prefect.assets.materialize.materialize"})
"""Decorators that take assets, then a function, and give a task."""

WRAPPERS: Final = frozenset({"unmapped", "quote", "allow_failure", "opaque"})
"""Prefect's annotations of an argument: last part of the name."""

SAFE_ENGINE_CALLS: Final = frozenset(
    {
        "serve",
        "aserve",
        "deploy",
        "adeploy",
        "wait",
        "as_completed",
        "resolve_futures_to_states",
        "resolve_futures_to_results",
        "visualize",
    }
)
"""Functions of Prefect (last part of the name) that may be given flows and futures and run neither in this run."""

RUN_DEPLOYMENT: Final = frozenset({"run_deployment", "arun_deployment"})

CALL_METHODS: Final = frozenset({"submit", "map", "delay", "apply_async", "__call__"})
"""Methods of a task or flow that run it."""

ROUTE_METHODS: Final = frozenset({"submit", "delay", "apply_async", "with_options"})
"""Methods that, called on something unknown, may well be a task's."""

TASK_HOOKS: Final = (
    "on_completion",
    "on_failure",
    "on_running",
    "on_rollback",
    "on_commit",
    "cache_key_fn",
    "retry_condition_fn",
    "task_run_name",
    "retry_delay_seconds",
)
FLOW_HOOKS: Final = (
    "on_completion",
    "on_failure",
    "on_running",
    "on_cancellation",
    "on_crashed",
    "flow_run_name",
)
HOOK_POINTS: Final = frozenset(
    {"on_completion", "on_failure", "on_running", "on_rollback", "on_commit", "on_cancellation", "on_crashed"}
)

RUNNING_OPTIONS: Final = frozenset(
    {
        "cache_policy",
        "cache_expiration",
        "refresh_cache",
        "persist_result",
        "result_storage_key",
        "timeout_seconds",
        "retry_delay_seconds",
        "retry_jitter_factor",
        "validate_parameters",
        "task_runner",
    }
)
"""Options of a decorator that decide whether or how a body runs, beside those that a step itself holds."""

HANDED_OVER: Final = "handed_over"
"""In the constants of a step whose task is given to other code, which calls it: the list of what may be called."""

MADE: Final = "()"
"""After the dotted name of a context manager from outside: what calling it gives."""

GATHERING: Final = frozenset({"asyncio.gather", "asyncio.wait", "asyncio.as_completed", "asyncio.TaskGroup"})
PASSING: Final = frozenset(
    {
        "asyncio.create_task",
        "asyncio.ensure_future",
        "asyncio.run",
        "asyncio.shield",
        "asyncio.wait_for",
        "anyio.run",
        "copy.copy",
        "copy.deepcopy",
        "types.MappingProxyType",
        "typing.cast",
    }
)
"""Functions whose result is, for planning, one of their arguments."""

FIELDS: Final = frozenset({"dataclasses.field", "pydantic.Field", "attrs.field", "attr.ib", "attr.field"})
FACTORIES: Final = frozenset({"default_factory", "factory"})
"""Fields of a class that give each object a value of its own, and the argument that makes it."""

COLLECTIONS: Final = frozenset({"collections.deque", "collections.defaultdict", "collections.OrderedDict"})
NAMESPACES: Final = frozenset({"argparse.Namespace", "types.SimpleNamespace"})
ENTERING: Final = frozenset({"enter_context", "enter_async_context"})

PARTIAL: Final = frozenset({"functools.partial", "functools.partialmethod"})
GETTERS: Final = frozenset({"operator.methodcaller", "operator.attrgetter"})
IMPORT_MODULE: Final = frozenset({"importlib.import_module", "__import__"})
SWALLOWING: Final = frozenset(
    {
        "contextlib.suppress",
        "contextlib.ExitStack",
        "contextlib.AsyncExitStack",
        "anyio.CancelScope",
        "anyio.move_on_after",
        "anyio.move_on_at",
        "trio.CancelScope",
        "trio.move_on_after",
        "trio.move_on_at",
        "pytest.raises",
    }
)
"""Context managers from outside that may swallow an error. Every other one from outside is taken not to."""

STORING: Final = frozenset(
    {"add", "append", "appendleft", "extend", "extendleft", "insert"}
    | {"put", "put_nowait", "push", "setdefault", "update"}
)
"""Methods (of an object from outside) that keep what they are given inside the object."""

PURE_MODULES: Final = frozenset(
    {"collections", "copy", "datetime", "decimal", "fractions", "hashlib", "itertools", "json", "math", "operator"}
    | {"os", "pathlib", "posixpath", "random", "re", "statistics", "string", "textwrap", "time", "uuid", "zoneinfo"}
)
"""Modules of the standard library whose functions make what they give from what they are given, and from nothing that
a step has made."""

SAME_ITEMS: Final = frozenset({"list", "tuple", "set", "frozenset", "sorted", "reversed", "iter"})
MEMBER_LOOKUPS: Final = frozenset({"getmembers", "getmembers_static", "getattr_static"})
"""Functions (last part of the name) that give what a module or an object holds."""

CODE_RUNNERS: Final = frozenset({"exec", "eval"})
NAME_TABLES: Final = frozenset({"globals", "locals", "vars"})

SINGLE_CALL_DECORATORS: Final = frozenset(
    {
        "contextlib.contextmanager",
        "contextlib.asynccontextmanager",
        "abc.abstractmethod",
        "typing.final",
        "typing.override",
        "typing.no_type_check",
        "typing_extensions.override",
    }
)
"""Decorators from outside that call a function exactly when they are called."""

CALLING_LATER: Final = frozenset({"atexit.register"})
"""Decorators from outside that call a function by themselves, later."""

COLLECTION_PREFIX: Final = "prefect_"
"""Packages of Prefect's own integrations: their lower-case functions are often tasks."""
