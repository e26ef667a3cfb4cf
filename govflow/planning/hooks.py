"""Callables given to decorators: state hooks, cache keys, retry conditions, run names."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import replace

from govflow.ir.models import CallSite, Multiplicity, Step, StepKind
from govflow.planning.arguments import Arguments
from govflow.planning.calls import call
from govflow.planning.effects.deeds import Deeds
from govflow.planning.effects.recording import after_function
from govflow.planning.effects.strength import Models
from govflow.planning.machine import Machine
from govflow.planning.options import Hook, Options
from govflow.planning.recorder import Draft, Recorder, position_of
from govflow.planning.runnables import described
from govflow.planning.values import (
    NO_DEPS,
    BoundFunction,
    Choice,
    Data,
    External,
    FlowValue,
    Function,
    Object,
    Origin,
    PastTask,
    TaskValue,
    Value,
)


def hook_steps(machine: Machine, flow: FlowValue, used: Mapping[TaskValue, Mapping[int, Draft]]) -> list[Step]:
    """A step for each callable given to the flow or to a task that it calls, once for each option and function."""
    steps: list[Step] = []
    found: dict[tuple[str, str, int], tuple[Value, dict[int, Draft]]] = {}
    counts: dict[str, int] = {}
    root = flow.fn.qualname if isinstance(flow.fn, Function) else "flow"
    owners: list[TaskValue | FlowValue] = [flow, *used]
    for owner in owners:
        of = "" if isinstance(owner, FlowValue) else described(machine, owner.fn)[0]
        for hook in owner.options.hooks:
            for value in _flat(machine, hook):
                _, calls = found.setdefault((of, hook.kind, _key(value)), (value, {}))
                calls.update(used[owner] if isinstance(owner, TaskValue) else {})
    for (of, kind, _), (value, calls) in found.items():
        callee, where = described(machine, value)
        base = f"{root}/{of}@{kind}/{callee}"
        counts[base] = counts.get(base, 0) + 1
        many = flow.options.retries > 0 or _run_again(calls.values())
        steps.append(_hook_step(machine, value, f"{base}#{counts[base]}", callee, where, many=many))
    return steps


def _run_again(calls: Collection[Draft]) -> bool:
    """Whether a task with these calls may change its state in the same way more than once in a run."""
    return len(calls) > 1 or any(call.many or call.options.retries > 0 for call in calls)


def follow_hooks(machine: Machine, flow: FlowValue, recorder: Recorder) -> None:
    """Record what hooks call past its task. A task that a hook *calls* has no step: it is stopped at run time."""
    seen: set[int] = set()
    machine.past_only = True
    owners: list[TaskValue | FlowValue] = [flow, *recorder.hooked]
    for owner in owners:
        of = "" if isinstance(owner, FlowValue) else described(machine, owner.fn)[0]
        for hook in owner.options.hooks:
            for value in _flat(machine, hook):
                function = value.function if isinstance(value, BoundFunction) else value
                if not isinstance(function, Function | PastTask | External) or id(value) in seen:
                    continue
                seen.add(id(value))
                _follow(machine, value, f"{of}@{hook.kind}", recorder)
    machine.past_only = False


def _follow(machine: Machine, value: Value, label: str, recorder: Recorder) -> None:
    inner = value.function if isinstance(value, BoundFunction) else value
    node: ast.AST = inner.node if isinstance(inner, Function) else ast.Pass()
    frame = machine.frame
    place = recorder.root.child(("hook",), label, machine.site(node))
    deeds = machine.hook_deeds.setdefault(_key(value), Deeds())
    machine.frame = replace(frame, place=place, deeds=deeds)
    with machine.maybe():
        if isinstance(value, External):
            after_function(machine, value.dotted, Arguments(), node, Data())
        else:
            # Flow, run and state: what is asked of them changes nothing.
            call(machine, value, Arguments(rest=[Object(NO_DEPS, Origin.EXTERNAL, tame=True)]), node)
    machine.frame = frame


def _key(value: Value) -> int:
    return id(value.node) if isinstance(value, Function) else id(value)


def _flat(machine: Machine, hook: Hook) -> list[Value]:
    value = machine.resolve(hook.value)
    return [machine.resolve(option) for option in value.options] if isinstance(value, Choice) else [value]


def _hook_step(machine: Machine, value: Value, step_id: str, callee: str, where: str, *, many: bool) -> Step:
    hidden = isinstance(value, Data)
    site: tuple[CallSite, ...] = ()
    if isinstance(value, Function):
        line, column, end_line, end_column = position_of(value.node)
        site = (
            CallSite(
                file=machine.relative(value.module.path),
                function=value.qualname,
                line=line,
                column=column,
                end_line=end_line,
                end_column=end_column,
            ),
        )
    defaults = ("task:execute", "python", f"hook://{where}")
    done = Models().judged(Options(), defaults, machine.hook_deeds.get(_key(value), Deeds()))
    return Step(
        step_id=step_id,
        kind=StepKind.UNRESOLVED if hidden else StepKind.HOOK,
        callee=callee,
        action=done.action,
        provider=done.provider,
        resource=done.resource,
        effects=done.effects,
        unseen=done.unseen,
        multiplicity=Multiplicity.MANY if many else Multiplicity.OPTIONAL,
        code=machine.bodies.digest_of(value, "helper"),
        reason="a callable given to a decorator cannot be read" if hidden else None,
        sites=site,
    )
