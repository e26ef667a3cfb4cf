"""Callables given to decorators: state hooks, cache keys, retry conditions, run names."""

from __future__ import annotations

from collections.abc import Iterable

from govflow.ir.models import CallSite, Multiplicity, Step, StepKind
from govflow.planning.calls import described
from govflow.planning.machine import Machine
from govflow.planning.options import Hook
from govflow.planning.recorder import position_of
from govflow.planning.values import Choice, Data, FlowValue, Function, TaskValue, Value


def hook_steps(machine: Machine, flow: FlowValue, used: Iterable[TaskValue]) -> list[Step]:
    """A step for each callable given to the flow or to a task that it calls, once for each option and function."""
    steps: list[Step] = []
    seen: set[tuple[str, str, int]] = set()
    counts: dict[str, int] = {}
    root = flow.fn.qualname if isinstance(flow.fn, Function) else "flow"
    owners: list[TaskValue | FlowValue] = [flow, *used]
    for owner in owners:
        of = "" if isinstance(owner, FlowValue) else described(machine, owner.fn)[0]
        for hook in owner.options.hooks:
            for value in _flat(machine, hook):
                key = (of, hook.kind, id(value.node) if isinstance(value, Function) else id(value))
                if key in seen:
                    continue
                seen.add(key)
                callee, where = described(machine, value)
                base = f"{root}/{of}@{hook.kind}/{callee}"
                counts[base] = counts.get(base, 0) + 1
                steps.append(_hook_step(machine, value, f"{base}#{counts[base]}", callee, where))
    return steps


def _flat(machine: Machine, hook: Hook) -> list[Value]:
    value = machine.resolve(hook.value)
    return [machine.resolve(option) for option in value.options] if isinstance(value, Choice) else [value]


def _hook_step(machine: Machine, value: Value, step_id: str, callee: str, where: str) -> Step:
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
    return Step(
        step_id=step_id,
        kind=StepKind.UNRESOLVED if hidden else StepKind.HOOK,
        callee=callee,
        resource=f"hook://{where}",
        multiplicity=Multiplicity.OPTIONAL,
        code=machine.bodies.digest_of(value, "helper"),
        reason="a callable given to a decorator cannot be read" if hidden else None,
        sites=site,
    )
