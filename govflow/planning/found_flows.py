"""The flows that a file defines, and the one of them that a person means."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from govflow.errors import FlowNotFound
from govflow.planning.machine import Machine
from govflow.planning.values import ClassValue, FlowValue, Function, LoneTask, TaskValue, Value


@dataclass(frozen=True)
class FlowRef:
    """A flow that a file defines."""

    path: str  # relative to the tree
    function: str  # qualified name
    name: str  # as Prefect shows it
    line: int  # of ``def``


@dataclass(frozen=True)
class FoundFlow:
    """A flow with the value that its name stands for."""

    ref: FlowRef
    value: FlowValue
    bound: str  # the name that it is assigned to


def flows_of(machine: Machine, path: str) -> list[FoundFlow]:
    """The flows that a file defines, in source order."""
    return _defined(machine, path, lambda value: value if isinstance(value, FlowValue) else None)


def tasks_of(machine: Machine, path: str) -> list[FoundFlow]:
    """The tasks that a file defines, in source order, each as a flow of which it is the body."""
    return _defined(
        machine,
        path,
        lambda value: LoneTask(value.fn, value.options, value.receiver) if isinstance(value, TaskValue) else None,
    )


def _defined(machine: Machine, path: str, wanted: Callable[[Value], FlowValue | None]) -> list[FoundFlow]:
    found: dict[tuple[int, str], FoundFlow] = {}
    stack: list[tuple[str, Value]] = list(machine.module_scope(path).names().items())
    for name, value in stack:
        if isinstance(value, ClassValue) and value.module.path == path:
            stack.extend((f"{name}.{inner}", member) for inner, member in value.members.items())
        runnable = wanted(value)
        fn = None if runnable is None else runnable.fn
        if runnable is None or not isinstance(fn, Function) or fn.module.path != path:
            continue
        ref = FlowRef(path, fn.qualname, shown_name(runnable, fn), fn.node.lineno)
        found.setdefault((id(fn.node), ref.name), FoundFlow(ref, runnable, name))
    return sorted(found.values(), key=lambda item: (item.ref.line, item.ref.name))


def shown_name(flow: FlowValue, fn: Function) -> str:
    """The name of a flow as Prefect shows it."""
    if flow.options.name:
        return flow.options.name
    short = fn.qualname.rpartition(".")[2]
    return short if isinstance(flow, LoneTask) else short.replace("_", "-")


def choose(flows: list[FoundFlow], path: str, function: str | None) -> FoundFlow:
    """The flow of a file that a person means.

    Raises:
        FlowNotFound: there is no such flow, or more than one to choose from; the message names what was found.
    """
    if function is None:
        if len(flows) == 1:
            return flows[0]
        if not flows:
            raise FlowNotFound(f"{path} defines no flow", mend="A flow is a function decorated with @flow.")
        names = ", ".join(item.ref.function for item in flows)
        raise FlowNotFound(
            f"{path} defines {len(flows)} flows: {names}",
            mend=f"Name one: {path}:{names.split(',')[0]}",
            details={"flows": [item.ref.function for item in flows]},
        )
    for match in (
        [item for item in flows if item.ref.function == function],
        [item for item in flows if item.bound == function],
        [item for item in flows if item.ref.name == function],
        [item for item in flows if item.ref.function.rpartition(".")[2] == function],
    ):
        if match:
            return match[0]
    known = [name for item in flows for name in dict.fromkeys((item.ref.function, item.ref.name, item.bound))]
    close = difflib.get_close_matches(function, known, n=1, cutoff=0.5)
    listed = ", ".join(item.ref.function for item in flows) or "no flow"
    mend = f"Did you mean {close[0]}?" if close else f"Give one of: {listed}." if flows else ""
    raise FlowNotFound(
        f"there is no flow {function!r} in {path}; found: {listed}",
        mend=mend,
        details={"flows": [item.ref.function for item in flows]},
    )
