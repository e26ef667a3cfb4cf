"""Plans of flows, read from source.

    plan = plan_flow(tree, "flows/etl.py", "nightly").plan

Nothing is imported or executed. The plan names files relative to the folder of the flow's file, so that the same
source gives the same plan from a repository's root, from a deployed copy, or from loaded modules.
"""

from __future__ import annotations

import ast
import difflib
import gc
import posixpath
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from govflow.errors import FlowNotFound, SourceError
from govflow.ir.execution import NO_HINTS, Hints
from govflow.ir.hashing import plan_hash
from govflow.ir.models import Finding, FlowParameter, Multiplicity, Plan, Step, StepKind, Tier
from govflow.planning import definitions, expressions, statements  # noqa: F401 # they fill the machine's tables
from govflow.planning.bodies import Bodies
from govflow.planning.effects.catalogue import Catalogue
from govflow.planning.effects.deeds import Deeds
from govflow.planning.effects.findings import effect_findings
from govflow.planning.effects.lookups import Lookups
from govflow.planning.effects.received import received
from govflow.planning.effects.strength import Models
from govflow.planning.hooks import follow_hooks, hook_steps
from govflow.planning.imports import read_active_modules, read_imported
from govflow.planning.machine import Frame, Machine, UsedFunction
from govflow.planning.modules import ModuleGraph
from govflow.planning.normal_form import parameters
from govflow.planning.recorder import Recorder
from govflow.planning.runnables import described
from govflow.planning.scopes import Scope
from govflow.planning.source import SourceTree
from govflow.planning.values import (
    NO_DEPS,
    ClassValue,
    Container,
    Data,
    FlowValue,
    Function,
    Instance,
    Origin,
    Value,
)


@dataclass(frozen=True)
class FlowRef:
    """A flow that a file defines."""

    path: str  # relative to the tree
    function: str  # qualified name
    name: str  # as Prefect shows it
    line: int  # of ``def``


@dataclass(frozen=True)
class FunctionRef:
    """A function whose body a plan depends on."""

    file: str  # POSIX path relative to the folder of the flow's file
    qualname: str
    line: int  # of the first decorator or of the definition, as ``co_firstlineno``
    role: str  # flow | task | helper


@dataclass(frozen=True)
class PlannedFlow:
    """A plan, where it was read, and what it was read from."""

    plan: Plan
    path: str  # of the flow's file, relative to the tree
    functions: tuple[FunctionRef, ...]
    hints: Hints = NO_HINTS  # what a comparison with a run needs and a plan does not hold


class Reader:
    """Plans the flows of one tree. Every file is read and parsed once, whichever flows need it.

    A reader is for one state of the source: make a new one when files have changed. Plans do not depend on what the
    same reader planned before.
    """

    def __init__(self, tree: SourceTree, catalogue: Catalogue | None = None) -> None:
        self._session = _Session(ModuleGraph(tree), catalogue)

    def flows(self, path: str) -> tuple[FlowRef, ...]:
        """The flows that a file defines, in source order.

        Raises:
            SourceError: the file is not there, cannot be decoded, or is not Python.
        """
        path = posixpath.normpath(path)
        with _room_for(path):
            return tuple(found.ref for found in _flows_of(self._session.machine(path), path))

    def plan(self, path: str, function: str | None = None) -> PlannedFlow:
        """The plan of one flow.

        Args:
            path: the flow's file, POSIX, relative to the tree's root.
            function: name or qualified name of the flow's function, the name it is assigned to, or its Prefect name;
                None for the only flow of the file.

        Raises:
            FlowNotFound: there is no such flow, or more than one to choose from; the message names what was found.
            SourceError: the file cannot be read or parsed; the message names file and line.
        """
        path = posixpath.normpath(path)
        with _room_for(path):
            machine = self._session.machine(path)
            return self._planned(machine, path, _choose(_flows_of(machine, path), path, function))

    def plans(self, path: str) -> tuple[PlannedFlow, ...]:
        """The plans of every flow that a file defines, in source order.

        Raises:
            SourceError: the file cannot be read or parsed; the message names file and line.
        """
        path = posixpath.normpath(path)
        planned = []
        with _room_for(path):
            machine = self._session.machine(path)
            for place in range(len(_flows_of(machine, path))):
                # Each flow has a reading of its own: what one does to a module must not reach the next.
                machine = machine if not place else self._session.machine(path)
                planned.append(self._planned(machine, path, _flows_of(machine, path)[place]))
        return tuple(planned)

    def _planned(self, machine: Machine, path: str, chosen: _Found) -> PlannedFlow:
        plan, used = self._session.plan_first(machine, chosen.value)
        folder = posixpath.dirname(path) or "."
        files = {path: posixpath.relpath(path, folder) for path in {item.path for item in used}}
        refs = [FunctionRef(files[item.path], item.qualname, item.line, item.role) for item in used]
        recorder = machine.recorder
        hints = NO_HINTS if recorder is None else recorder.hints()
        machine.forget()
        return PlannedFlow(plan, path, tuple(_distinct(refs)), hints)


def list_flows(tree: SourceTree, path: str, catalogue: Catalogue | None = None) -> tuple[FlowRef, ...]:
    """The flows that a file defines, in source order: :meth:`Reader.flows` for one file."""
    return Reader(tree, catalogue).flows(path)


def plan_flow(
    tree: SourceTree, path: str, function: str | None = None, catalogue: Catalogue | None = None
) -> PlannedFlow:
    """Read the plan of one flow: :meth:`Reader.plan` for one flow."""
    return Reader(tree, catalogue).plan(path, function)


def _too_deep(path: str) -> SourceError:
    return SourceError(f"{path}: the source is nested too deeply to be read", details={"file": path})


_MANY = 20_000  # objects
_FRAMES = 4000  # Python frames; no more, or the C stack of the parser of Python 3.11 could overflow


@contextmanager
def _room_for(path: str) -> Iterator[None]:
    """Room for helpers inside helpers inside blocks: each takes some ten frames to read.

    Meanwhile nobody looks for garbage: a reading makes much and drops next to nothing before its end, and to look at
    all of it again and again would cost a third of the time.

    Raises:
        SourceError: it was not enough.
    """
    before, collected = sys.getrecursionlimit(), gc.isenabled()
    sys.setrecursionlimit(max(before, _FRAMES))
    gc.disable()
    try:
        yield
    except RecursionError as error:
        raise _too_deep(path) from error
    finally:
        sys.setrecursionlimit(before)
        if collected:
            _count_as_old()
            gc.enable()


def _count_as_old() -> None:
    """Let the collector take everything for old at once, without looking at it.

    What a reading leaves is source and plans: they stay. Looking at all of a large one the moment that collecting goes
    on would cost a fifth of the reading. Where the program has frozen objects itself, they must stay so; to ask for
    their number is to count them, so a small reading does not.
    """
    if gc.get_count()[0] > max(_MANY, gc.get_threshold()[0]) and not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()


@dataclass(frozen=True)
class _Found:
    ref: FlowRef
    value: FlowValue
    bound: str  # the name that it is assigned to


def _flows_of(machine: Machine, path: str) -> list[_Found]:
    found: dict[tuple[int, str], _Found] = {}
    stack: list[tuple[str, Value]] = list(machine.module_scope(path).names().items())
    for name, value in stack:
        if isinstance(value, ClassValue) and value.module.path == path:
            stack.extend((f"{name}.{inner}", member) for inner, member in value.members.items())
        fn = value.fn if isinstance(value, FlowValue) else None
        if not isinstance(value, FlowValue) or not isinstance(fn, Function) or fn.module.path != path:
            continue
        ref = FlowRef(path, fn.qualname, _shown_name(value, fn), fn.node.lineno)
        found.setdefault((id(fn.node), ref.name), _Found(ref, value, name))
    return sorted(found.values(), key=lambda item: (item.ref.line, item.ref.name))


def _shown_name(flow: FlowValue, fn: Function) -> str:
    if flow.options.name:
        return flow.options.name
    short = fn.qualname.rpartition(".")[2]
    return short.replace("_", "-")


def _choose(flows: list[_Found], path: str, function: str | None) -> _Found:
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


_Called: TypeAlias = "tuple[int, object]"  # the function's node and the flow's options
_Code: TypeAlias = "tuple[str, tuple[UsedFunction, ...]]"  # its plan's hash, and what it was read from


class _Session:
    """Plans flows and, on the way, their subflows; every file is parsed once."""

    def __init__(self, graph: ModuleGraph, catalogue: Catalogue | None = None) -> None:
        self._graph = graph
        self._lookups = Lookups(catalogue or Catalogue.default())
        self._running: list[int] = []
        self._circled = False  # whether what is being planned met a flow that is running
        self._known: dict[_Called, _Code] = {}  # of this flow: some were cut where the circle came round
        self._settled: dict[_Called, _Code] = {}  # the same whoever asks

    def plan_first(self, machine: Machine, flow: FlowValue) -> tuple[Plan, tuple[UsedFunction, ...]]:
        """The plan of a flow that nobody calls: the same, whatever was planned before."""
        self._running, self._circled, self._known = [], False, {}
        return self.plan(machine, flow)

    def machine(self, path: str) -> Machine:
        """A fresh reading of a file: nothing that one flow does to a module reaches the plan of another."""
        machine = Machine(self._graph, posixpath.dirname(path), self._subflow_code, self._lookups)
        machine.flow_path = path
        machine.bodies = Bodies(machine)
        machine.module_scope(path)
        read_active_modules(machine, path)
        return machine

    def plan(self, machine: Machine, flow: FlowValue) -> tuple[Plan, tuple[UsedFunction, ...]]:
        """The plan of a flow of the machine's file, and the functions it was read from."""
        fn = flow.fn
        if not isinstance(fn, Function):
            raise SourceError("the function of this flow is not in the repository")
        self._running.append(id(fn.node))
        try:
            return _Planning(machine, flow, fn).run()
        finally:
            self._running.pop()

    def _subflow_code(self, flow: FlowValue, caller: Machine) -> str:
        fn = caller.resolve(flow.fn)
        if not isinstance(fn, Function):
            return caller.bodies.digest_of(fn, "flow")
        if id(fn.node) in self._running:
            self._circled = True
            return caller.bodies.digest_of(fn, "flow")  # it is being planned: the caller runs inside it
        key = (id(fn.node), flow.options)
        known = self._settled.get(key)
        if known is None and key in self._known:
            known, self._circled = self._known[key], True
        if known is None:
            machine = self.machine(fn.module.path)
            own = next(
                (
                    item.value
                    for item in _flows_of(machine, fn.module.path)
                    if isinstance(item.value.fn, Function) and item.value.fn.node is fn.node
                ),
                None,
            )
            planned = flow if own is None else FlowValue(own.fn, flow.options, flow.receiver)
            circled, self._circled = self._circled, False
            plan, used = self.plan(machine, planned)
            machine.forget()
            known = plan_hash(plan), used
            (self._known if self._circled else self._settled)[key] = known
            self._circled |= circled
        code, used = known
        caller.used.update(dict.fromkeys(used))
        return code


class _Planning:
    """One flow's reading."""

    def __init__(self, machine: Machine, flow: FlowValue, fn: Function) -> None:
        self.machine, self.flow, self.fn = machine, flow, fn

    def run(self) -> tuple[Plan, tuple[UsedFunction, ...]]:
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
        body = machine.bodies.with_options(body, self.flow.options.running)
        body = machine.bodies.with_imports(body, (fn.module.path, *(item.path for item in machine.used)))
        own = self._body(body, frame.deeds)
        plan = Plan(
            flow=_shown_name(self.flow, fn),
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
        done = Models().judged(options, ("flow:execute", "prefect", f"flow://{where}"), deeds)
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


def _distinct(refs: list[FunctionRef]) -> list[FunctionRef]:
    """Each function once; flow and task win over helper."""
    rank = {"flow": 0, "task": 1, "helper": 2}
    found: dict[tuple[str, str, int], FunctionRef] = {}
    for ref in sorted(refs, key=lambda item: (item.file, item.line, item.qualname, rank[item.role])):
        found.setdefault((ref.file, ref.qualname, ref.line), ref)
    return list(found.values())
