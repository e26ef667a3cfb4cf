"""Tasks and flows as the plan names them: made from functions and options, with a callee, defaults and a digest."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import lru_cache

from govflow.planning.arguments import Arguments
from govflow.planning.joins import join
from govflow.planning.machine import Machine
from govflow.planning.normal_form import digest
from govflow.planning.options import Option, Options, read_options
from govflow.planning.values import (
    BoundFunction,
    Choice,
    ClassValue,
    Constant,
    Decorator,
    External,
    FlowValue,
    Function,
    Instance,
    Partial,
    PastTask,
    TaskValue,
    Value,
)
from govflow.planning.vocabulary import RUNNING_OPTIONS


def make_runnable(
    machine: Machine, kind: str, options: Options, given: Arguments, node: ast.AST, *, function_first: bool = True
) -> Value:
    """``task(...)`` and ``flow(...)``: with a function a task or flow, without one a decorator."""
    function = None
    if function_first:
        named = given.keywords.get("fn", given.keywords.get("__fn"))
        function = machine.resolve(given.positional[0]) if given.positional else named
    report = machine.report(node)
    if given.rest:
        report("option-not-constant", f"options of the {kind} are spread from something that cannot be read")
    read = read_options(given.keywords, kind, options, report)
    read = with_running(machine, read, node)
    if function is None or (isinstance(function, Constant) and function.value is None):
        return Decorator("task" if kind == "task" else "flow", read)
    if isinstance(function, Choice):
        return join([_runnable(kind, option, read) for option in function.options])
    return _runnable(kind, function, read)


def with_running(machine: Machine, options: Options, node: ast.AST) -> Options:
    """The options with those of a call at the top level that decide whether or how a body runs."""
    if machine.frame.qualname != "" or not isinstance(node, ast.Call):
        return options  # inside a function the digest of that function holds them
    running = [item for item in node.keywords if item.arg is None or item.arg in RUNNING_OPTIONS]
    added = [Option(item.arg or "**", item.value, machine.frame.module) for item in running]
    return replace(options, running=(*options.running, *added))


def _runnable(kind: str, function: Value, options: Options) -> Value:
    if isinstance(function, PastTask):
        function = function.runnable
    if isinstance(function, TaskValue | FlowValue):
        function = function.fn
    return TaskValue(function, options) if kind == "task" else FlowValue(function, options)


def defaults_of(runnable: TaskValue | FlowValue, where: str) -> tuple[str, str, str]:
    """Action, provider and resource of a step whose task or flow declares none."""
    if isinstance(runnable, TaskValue):
        return "task:execute", "python", f"task://{where}"
    return "flow:execute", "prefect", f"flow://{where}"


def described(machine: Machine, fn: Value) -> tuple[str, str]:
    """Name of a step's callee in the plan, and the path of its default resource."""
    if not isinstance(fn, Function) or machine.recorder is None:
        return _described(machine, fn)
    known = machine.described.get(id(fn))
    if known is None:
        known = machine.described[id(fn)] = (fn, _described(machine, fn))
    return known[1]


def _described(machine: Machine, fn: Value) -> tuple[str, str]:
    match machine.resolve(fn):
        case Function() as function:
            return machine.label(function), f"{function.module.stem}/{function.qualname}"
        case BoundFunction(function=function):
            return machine.label(function), f"{function.module.stem}/{function.qualname}"
        case Partial(target=target):
            return described(machine, target)
        case PastTask(runnable=runnable):
            return described(machine, runnable.fn)
        case External(dotted=dotted):
            return dotted, dotted.replace(".", "/")
        case ClassValue(qualname=qualname, module=module):
            return qualname, f"{module.stem}/{qualname}"
    return "unknown", "unknown"


def recorded_as(machine: Machine, fn: Value) -> frozenset[str]:
    """Names that an engine may record a function under, where the callee in the plan does not tell them."""
    match machine.resolve(fn):
        case Function(named_after=Value() as after) as function:
            return recorded_as(machine, after) | {function.qualname.rpartition(".")[2]}
        case Function(qualname=qualname):
            return _short(qualname)
        case BoundFunction(function=function):
            return recorded_as(machine, function)
        case PastTask(runnable=runnable):
            return recorded_as(machine, runnable.fn)
        case TaskValue(fn=inner) | FlowValue(fn=inner):
            return recorded_as(machine, inner)
        case Partial():
            return frozenset(("partial",))
        case Instance(cls=cls):
            return frozenset((cls.qualname.rpartition(".")[2],))
    return frozenset()


@lru_cache(maxsize=1024)
def _short(qualname: str) -> frozenset[str]:
    return frozenset((qualname.rpartition(".")[2],))


def of_own_class(machine: Machine, runnable: TaskValue | FlowValue, code: str) -> str:
    """A digest of code together with the class of the repository that the task or flow is of, if it is of one."""
    if runnable.own is None:
        return code
    return digest(["of class", machine.bodies.digest_of(runnable.own.cls, "helper"), code])


def code_of(machine: Machine, runnable: TaskValue | FlowValue) -> str:
    """Digest of what a task's body does, or the hash of a subflow's own plan."""
    if isinstance(runnable, FlowValue):
        return machine.subflow_code(runnable, machine)
    known = machine.codes.get(id(runnable))
    if known is None or known[1] is not runnable.options:  # a hook point gives a task other options
        code = machine.bodies.with_options(machine.bodies.digest_of(runnable.fn, "task"), runnable.options.running)
        code = of_own_class(machine, runnable, code)
        known = machine.codes[id(runnable)] = (runnable, runnable.options, code)
    return known[2]
