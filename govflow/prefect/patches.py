"""What zero-code governance puts into Prefect's classes: each name, its signature, and the function in its place.

The call seam stands in every method by which a task or flow is called, the body seam where an engine takes up a task or
flow and again where it calls the body. A name that is not there, or takes other parameters, is a Prefect that this was
not written for.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from govflow.errors import EngineError
from govflow.prefect.bodies import TaskBody
from govflow.prefect.decided import marked_before
from govflow.prefect.elsewhere import hand_on
from govflow.prefect.fan_out import sized
from govflow.prefect.flow_bodies import FlowBody
from govflow.prefect.flows import GovernedFlow
from govflow.prefect.origins import remember_origin
from govflow.prefect.seams import flow_at_site, guarded_flow, guarded_task, made, task_at_site
from govflow.prefect.tasks import GovernedTask
from govflow.prefect.waiting import asked

Anything = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Patch:
    """One name of Prefect's.

    Attributes:
        place: module, or ``module:Class``.
        name: of the function in it.
        parameters: names of its parameters, in order.
        around: makes the function that stands in its place.
    """

    place: str
    name: str
    parameters: tuple[str, ...]
    around: Callable[[Anything], Anything]

    @property
    def owner(self) -> Any:
        """The module or class that holds the name.

        Raises:
            EngineError: there is none.
        """
        module, _, kind = self.place.partition(":")
        try:
            found = importlib.import_module(module)
            return getattr(found, kind) if kind else found
        except (ImportError, AttributeError) as error:
            raise EngineError(f"Prefect has no {self.place.replace(':', '.')}.", mend=_MEND) from error

    @property
    def standing(self) -> Anything:
        """The function that stands there now.

        Raises:
            EngineError: there is none.
        """
        found: Any = vars(self.owner).get(self.name)
        if not inspect.isfunction(found):
            raise EngineError(f"Prefect has no function {self}.", mend=_MEND)
        return found

    def check(self) -> None:
        """Whether it is the function that this was written for.

        Raises:
            EngineError: it is not there, or takes other parameters.
        """
        taken = tuple(inspect.signature(self.standing).parameters)
        if taken != self.parameters:
            raise EngineError(f"Prefect's {self} takes ({', '.join(taken)}), which govflow does not know.", mend=_MEND)

    def __str__(self) -> str:
        return f"{self.place.replace(':', '.')}.{self.name}"


_MEND: Final = "Install a version of Prefect that this version of govflow supports: govflow doctor names them."


def _passed_on(made: Any, frame: FrameType) -> bool:
    """Whether Prefect itself hands on a task that was marked a moment ago: ``delay`` calls ``apply_async``."""
    return isinstance(made.fn, TaskBody) and frame.f_globals.get("__name__") == "prefect.tasks"


def _call(original: Anything) -> Anything:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, GovernedTask):
            return original(self, *args, **kwargs)
        frame = sys._getframe(1)
        task = marked_before(self, frame, args, kwargs) or asked(task_at_site(self, frame, args, kwargs), args, kwargs)
        return original(task, *args, **kwargs)

    return call


def _submit(original: Anything) -> Anything:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, GovernedTask):
            return original(self, *args, **kwargs)
        frame = sys._getframe(1)
        task = marked_before(self, frame, args, kwargs) or asked(task_at_site(self, frame, args, kwargs), args, kwargs)
        return made(task, original(task, *args, **kwargs))

    return call


def _deferred(original: Anything) -> Anything:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        frame = sys._getframe(1)
        if isinstance(self, GovernedTask) or _passed_on(self, frame):
            return original(self, *args, **kwargs)
        marked = task_at_site(self, frame, args, kwargs)
        hand_on()
        return made(marked, original(marked, *args, **kwargs))

    return call


def _map(original: Anything) -> Anything:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, GovernedTask):
            return original(self, *args, **kwargs)
        args, kwargs, fan_out = sized(args, kwargs)
        task = asked(task_at_site(self, sys._getframe(1), args, kwargs, fan_out), args, kwargs, mapped=True)
        return made(task, original(task, *args, **kwargs))

    return call


def _flow_call(original: Anything) -> Anything:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, GovernedFlow):
            return original(self, *args, **kwargs)
        return original(flow_at_site(self, sys._getframe(1), args, kwargs), *args, **kwargs)

    return call


def _made(original: Anything) -> Anything:
    @functools.wraps(original)
    def make(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if not isinstance(self, GovernedFlow) and not isinstance(self.fn, FlowBody):
            remember_origin(self.fn)

    return make


def _takes_task(original: Anything) -> Anything:
    @functools.wraps(original)
    def takes(self: Any) -> None:
        if self.task is not None:
            self.task = guarded_task(self.task)
        original(self)

    return takes


def _takes_flow(original: Anything) -> Anything:
    @functools.wraps(original)
    def takes(self: Any) -> None:
        if self.flow is not None:
            self.flow = guarded_flow(self.flow)
        original(self)

    return takes


def _task_body(original: Anything) -> Anything:
    @functools.wraps(original)
    def body(self: Any, transaction: Any) -> Any:
        self.task = guarded_task(self.task)
        return original(self, transaction)

    return body


def _flow_body(original: Anything) -> Anything:
    @functools.wraps(original)
    def body(self: Any) -> Any:
        self.flow = guarded_flow(self.flow)
        return original(self)

    return body


def _task_generator(original: Anything) -> Anything:
    @functools.wraps(original)
    def generate(task: Any, *args: Any, **kwargs: Any) -> Any:
        return original(guarded_task(task), *args, **kwargs)

    return generate


def _flow_generator(original: Anything) -> Anything:
    @functools.wraps(original)
    def generate(flow: Any, *args: Any, **kwargs: Any) -> Any:
        return original(guarded_flow(flow), *args, **kwargs)

    return generate


_TASK_RUN: Final = (
    "task",
    "task_run_id",
    "task_run",
    "parameters",
    "wait_for",
    "return_type",
    "dependencies",
    "context",
)
_FLOW_RUN: Final = ("flow", "flow_run", "parameters", "wait_for", "return_type", "context")

CALLS: Final = (
    Patch("prefect.tasks:Task", "__call__", ("self", "args", "return_state", "wait_for", "kwargs"), _call),
    Patch("prefect.tasks:Task", "submit", ("self", "args", "return_state", "wait_for", "kwargs"), _submit),
    Patch("prefect.tasks:Task", "map", ("self", "args", "return_state", "wait_for", "deferred", "kwargs"), _map),
    Patch("prefect.tasks:Task", "apply_async", ("self", "args", "kwargs", "wait_for", "dependencies"), _deferred),
    Patch("prefect.tasks:Task", "delay", ("self", "args", "kwargs"), _deferred),
    Patch("prefect.flows:Flow", "__call__", ("self", "args", "return_state", "wait_for", "kwargs"), _flow_call),
)
ENGINES: Final = (
    Patch("prefect.task_engine:BaseTaskRunEngine", "__post_init__", ("self",), _takes_task),
    Patch("prefect.task_engine:SyncTaskRunEngine", "call_task_fn", ("self", "transaction"), _task_body),
    Patch("prefect.task_engine:AsyncTaskRunEngine", "call_task_fn", ("self", "transaction"), _task_body),
    Patch("prefect.flow_engine:BaseFlowRunEngine", "__post_init__", ("self",), _takes_flow),
    Patch("prefect.flow_engine:FlowRunEngine", "call_flow_fn", ("self",), _flow_body),
    Patch("prefect.flow_engine:AsyncFlowRunEngine", "call_flow_fn", ("self",), _flow_body),
)
GENERATORS: Final = (
    Patch("prefect.task_engine", "run_generator_task_sync", _TASK_RUN, _task_generator),
    Patch("prefect.task_engine", "run_generator_task_async", _TASK_RUN, _task_generator),
    Patch("prefect.flow_engine", "run_generator_flow_sync", _FLOW_RUN, _flow_generator),
    Patch("prefect.flow_engine", "run_generator_flow_async", _FLOW_RUN, _flow_generator),
)
MAKING: Final = Patch(
    "prefect.flows:Flow",
    "__init__",
    (
        *("self", "fn", "name", "version", "flow_run_name", "retries", "retry_delay_seconds", "task_runner"),
        *("description", "timeout_seconds", "validate_parameters", "persist_result", "result_storage"),
        *("result_serializer", "cache_result_in_memory", "log_prints"),
        *("on_completion", "on_failure", "on_cancellation", "on_crashed", "on_running"),
    ),
    _made,
)
PATCHES: Final = (*CALLS, *ENGINES, *GENERATORS, MAKING)
