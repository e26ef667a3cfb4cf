"""Plans of flows and, on the way, of their subflows."""

from __future__ import annotations

import posixpath
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from govflow.errors import SourceError
from govflow.ir.execution import NO_HINTS, Hints
from govflow.ir.hashing import plan_hash
from govflow.ir.models import Plan
from govflow.planning.bodies import Bodies
from govflow.planning.effects.catalogue import Catalogue
from govflow.planning.effects.lookups import Lookups
from govflow.planning.flow_reading import FlowReading
from govflow.planning.found_flows import FoundFlow, flows_of
from govflow.planning.frames import UsedFunction
from govflow.planning.imports import read_active_modules
from govflow.planning.machine import Machine
from govflow.planning.modules import ModuleGraph
from govflow.planning.options import Options
from govflow.planning.values import FlowValue, Function, FunctionNode

_Called: TypeAlias = "tuple[int, Options, Hashable]"  # the function's node, the flow's options, and their hooks


@dataclass(frozen=True)
class Planned:
    """What one flow's reading came to."""

    plan: Plan
    used: tuple[UsedFunction, ...]  # the functions that it was read from
    hints: Hints

    @cached_property
    def code(self) -> str:
        """The plan's hash: what a step that runs the flow does."""
        return plan_hash(self.plan)


class Session:
    """Plans flows and, on the way, their subflows; every file is parsed once, every flow planned once."""

    def __init__(self, graph: ModuleGraph, catalogue: Catalogue | None = None) -> None:
        self._graph = graph
        self._lookups = Lookups(catalogue or Catalogue.default())
        self._running: list[int] = []
        self._circled = False  # whether what is being planned met a flow that is running
        self._known: dict[_Called, Planned] = {}  # of this flow: some were cut where the circle came round
        self._settled: dict[_Called, Planned] = {}  # the same whoever asks

    def plan_first(self, machine: Machine, found: FoundFlow) -> Planned:
        """The plan of a flow that nobody calls: the same, whatever was planned before."""
        self._running, self._circled, self._known = [], False, {}
        flow = found.value
        key = _called(flow) if flow.options.hooks_named else None
        known = None if key is None else self._settled.get(key)
        if known is not None:
            machine.forget()
            return known
        planned = self._plan(machine, flow)
        if key is not None and not self._circled:
            self._settled[key] = planned
        return planned

    def machine(self, path: str) -> Machine:
        """A fresh reading of a file: nothing that one flow does to a module reaches the plan of another."""
        machine = Machine(self._graph, posixpath.dirname(path), self._subflow_code, self._lookups)
        machine.flow_path = path
        machine.bodies = Bodies(machine)
        machine.module_scope(path)
        read_active_modules(machine, path)
        return machine

    def _plan(self, machine: Machine, flow: FlowValue) -> Planned:
        """The plan of a flow of the machine's file. The machine has then done its work."""
        fn = flow.fn
        if not isinstance(fn, Function):
            raise SourceError("the function of this flow is not in the repository")
        self._running.append(id(fn.node))
        try:
            plan, used = FlowReading(machine, flow, fn).run()
        finally:
            self._running.pop()
        hints = NO_HINTS if machine.recorder is None else machine.recorder.hints()
        machine.forget()
        return Planned(plan, used, hints)

    def _subflow_code(self, flow: FlowValue, caller: Machine) -> str:
        fn = caller.resolve(flow.fn)
        if not isinstance(fn, Function):
            return caller.bodies.digest_of(fn, "flow")
        if id(fn.node) in self._running:
            self._circled = True
            return caller.bodies.digest_of(fn, "flow")  # it is being planned: the caller runs inside it
        key = _called(flow, fn)
        known = self._settled.get(key)
        if known is None and key in self._known:
            known, self._circled = self._known[key], True
        if known is None:
            circled, self._circled = self._circled, False
            known = self._plan_called(flow, fn, key)
            (self._known if self._circled else self._settled)[key] = known
            self._circled |= circled
        caller.used.update(dict.fromkeys(known.used))
        return known.code

    def _plan_called(self, flow: FlowValue, fn: Function, key: _Called) -> Planned:
        """The plan of a subflow: its own, unless the caller gave it other options or hooks."""
        machine = self.machine(fn.module.path)
        own = [item.value for item in flows_of(machine, fn.module.path) if _node(item.value) is fn.node]
        if flow.options.hooks_named:
            same = next((value for value in own if _called(value) == key), None)
            if same is not None:
                return self._plan(machine, same)
        return self._plan(machine, FlowValue(own[0].fn, flow.options, flow.receiver, own=flow.own) if own else flow)


def _called(flow: FlowValue, fn: Function | None = None) -> _Called:
    """What tells one subflow from another."""
    node = fn.node if fn is not None else _node(flow)
    return id(node), flow.options, flow.options.hook_names()


def _node(flow: FlowValue) -> FunctionNode | None:
    return flow.fn.node if isinstance(flow.fn, Function) else None
