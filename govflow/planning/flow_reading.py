"""One flow's reading: from its function's body to its plan."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Sequence

from govflow.ir.models import Finding, FlowParameter, Multiplicity, Plan, Step, StepKind, Tier
from govflow.planning import definitions, expressions, statements  # noqa: F401 # they fill the machine's tables
from govflow.planning.bound_names import parameters
from govflow.planning.effects.deeds import Deeds
from govflow.planning.effects.findings import effect_findings
from govflow.planning.effects.received import received
from govflow.planning.effects.strength import Models
from govflow.planning.found_flows import shown_name
from govflow.planning.frames import Frame, UsedFunction
from govflow.planning.hooks import follow_hooks, hook_steps
from govflow.planning.imports import read_imported
from govflow.planning.machine import Machine
from govflow.planning.recorder import Recorder
from govflow.planning.runnables import described, of_own_class
from govflow.planning.scopes import Scope
from govflow.planning.values import NO_DEPS, Container, Data, FlowValue, Function, Instance, LoneTask, Origin, Value


class FlowReading:
    """One flow's reading."""

    def __init__(self, machine: Machine, flow: FlowValue, fn: Function) -> None:
        self.machine, self.flow, self.fn = machine, flow, fn

    def run(self) -> tuple[Plan, tuple[UsedFunction, ...]]:
        """The plan, and the functions that it was read from."""
        machine, fn = self.machine, self.fn
        recorder = machine.recorder = Recorder(fn.qualname)
        body = machine.bodies.digest_of(fn, "flow")
        frame = Frame(fn.module, fn.qualname, Scope(fn.scope), recorder.root)
        for name, value in received(machine, fn, self._given()).items():
            frame.scope.bind(name, value)
        machine.active[id(fn.node)] = frame
        with machine.reading(frame):
            if isinstance(fn.node, ast.Lambda):
                machine.evaluate(fn.node.body)
            else:
                machine.execute(fn.node.body)
            follow_hooks(machine, self.flow, recorder)
        del machine.active[id(fn.node)]
        steps, edges = recorder.finish()
        hooks = hook_steps(machine, self.flow, recorder.hooked)
        body = of_own_class(machine, self.flow, machine.bodies.with_options(body, self.flow.options.running))
        body = machine.bodies.with_imports(body, (fn.module.path, *(item.path for item in machine.used)))
        own = self._body(body, frame.deeds)
        plan = Plan(
            flow=shown_name(self.flow, fn),
            file=posixpath.basename(fn.module.path),
            function=fn.qualname,
            retries=self.flow.options.retries,
            parameters=self._parameters(),
            steps=(own, *steps, *hooks),
            edges=tuple(edges),
            findings=self._findings((own, *steps, *hooks)),
        )
        return plan, tuple(machine.used)

    def _findings(self, steps: Sequence[Step]) -> tuple[Finding, ...]:
        machine = self.machine
        read_imported(machine, (self.fn.module.path, *(item.path for item in machine.used)))
        found = dict(machine.findings)
        for finding in effect_findings(steps, machine.at_import):
            found.setdefault((finding.file or "", finding.code, finding.message, finding.line or 0), finding)
        return tuple(sorted(found.values(), key=lambda item: (item.file or "", item.line or 0)))

    def _given(self) -> dict[str, Value]:
        """Whoever starts the flow gives its parameters."""
        signature = self.fn.node.args
        values: dict[str, Value] = {item.arg: _given_at_start() for item in parameters(signature)}
        if signature.vararg is not None:
            values[signature.vararg.arg] = Container([_given_at_start()], exact=False)
        if signature.kwarg is not None:
            values[signature.kwarg.arg] = Container([_given_at_start()], [Data(whole=True)], exact=False)
        owner = self.fn.owner
        slots = [*signature.posonlyargs, *signature.args]
        if owner is not None and slots and self.fn.binding != "static":
            values[slots[0].arg] = owner if self.fn.binding == "class" else Instance(owner)
        return values

    def _parameters(self) -> tuple[FlowParameter, ...]:
        signature = self.fn.node.args
        slots = [*signature.posonlyargs, *signature.args]
        defaults: dict[str, ast.expr] = {}
        if signature.defaults:
            pairs = zip(slots[-len(signature.defaults) :], signature.defaults, strict=True)
            defaults.update((item.arg, node) for item, node in pairs)
        defaults.update(
            (item.arg, node)
            for item, node in zip(signature.kwonlyargs, signature.kw_defaults, strict=True)
            if node is not None
        )
        starred = {item.arg for item in (signature.vararg, signature.kwarg) if item is not None}
        if self.fn.owner is not None and self.fn.binding != "static":
            slots = slots[1:]
        return tuple(
            FlowParameter(
                name=item.arg,
                required=item.arg not in defaults and item.arg not in starred,
                annotation=None if item.annotation is None else ast.unparse(item.annotation),
                default=ast.unparse(defaults[item.arg]) if item.arg in defaults else None,
            )
            for item in parameters(signature)
            if item in slots or item in signature.kwonlyargs or item.arg in starred
        )

    def _body(self, code: str, deeds: Deeds) -> Step:
        options, (_, where) = self.flow.options, described(self.machine, self.fn)
        lone = isinstance(self.flow, LoneTask)
        done = Models().judged(
            options,
            ("task:execute", "python", f"task://{where}") if lone else ("flow:execute", "prefect", f"flow://{where}"),
            deeds,
        )
        return Step(
            step_id=self.fn.qualname,
            kind=StepKind.BODY,
            callee=self.fn.qualname,
            action=done.action,
            provider=done.provider,
            resource=done.resource,
            declared=done.declared,
            effects=done.effects,
            unseen=done.unseen,
            tier=None if options.tier is None else Tier(options.tier),
            approval=options.approval,
            records=options.records,
            multiplicity=Multiplicity.ONE,
            retries=options.retries,
            code=code,
        )


def _given_at_start() -> Data:
    return Data(NO_DEPS, Origin.PARAMETER, whole=True)
