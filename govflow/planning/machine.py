"""The state of one reading: scopes, the call stack, what has been recorded.

What each kind of expression, statement and call does is registered in tables by the modules beside this one; the
machine only walks. It is deterministic and reads nothing but the module graph.
"""

from __future__ import annotations

import ast
import builtins
import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from govflow.errors import SourceError
from govflow.ir.models import EdgeKind, Finding, StepKind
from govflow.planning.effects.deeds import Deeds
from govflow.planning.effects.echoes import Echoes
from govflow.planning.effects.lookups import Lookups
from govflow.planning.effects.texts import TREE
from govflow.planning.frames import CodeReader, Frame, Maybe, Reading, Repeatedly, UsedFunction
from govflow.planning.joins import join
from govflow.planning.modules import ModuleGraph
from govflow.planning.options import Options
from govflow.planning.recorder import Draft, Place, Recorder, Site, position_of
from govflow.planning.scopes import Scope
from govflow.planning.values import (
    NO_DEPS,
    Choice,
    Constant,
    Data,
    Deps,
    External,
    FlowValue,
    Function,
    Imported,
    Instance,
    ModuleRef,
    Origin,
    TaskValue,
    Text,
    Value,
)

# How a statement can end, as bits.
NEXT, RETURN, RAISE, BREAK, CONTINUE = 1, 2, 4, 8, 16

DEEPEST = 100  # functions and modules inside one another; each takes some thirty Python frames to read

_CIRCLE = "imports go round in a circle"
_LONGEST_IMPORT = 50  # re-exports of re-exports
_BUILTINS = frozenset(dir(builtins))
_MODULE_NAMES = frozenset({"__name__", "__file__", "__doc__", "__package__", "__spec__", "__builtins__", "__path__"})

EXPRESSIONS: dict[type[ast.AST], Callable[[Machine, Any], Value]] = {}
STATEMENTS: dict[type[ast.AST], Callable[[Machine, Any], int]] = {}


class Machine:
    """Reads one flow."""

    def __init__(
        self, graph: ModuleGraph, folder: str, subflow_code: Callable[[FlowValue, Machine], str], lookups: Lookups
    ) -> None:
        self.graph = graph
        self.lookups = lookups
        self.echoes = Echoes()
        self.annotations: dict[int, dict[str, Value]] = {}  # by function: classes that its parameters are said to have
        self.instances: dict[int, Instance] = {}  # by class: some object of it
        self.hook_deeds: dict[int, Deeds] = {}
        self.at_import: dict[str, Deeds] = {}  # by path: what importing a module does
        self.folder = folder
        self.subflow_code = subflow_code
        self.recorder: Recorder | None = None
        self.frame: Frame = None  # type: ignore[assignment] # set by reading()
        self.scope: Scope = None  # type: ignore[assignment] # set by reading()
        self.unresolved: dict[tuple[int, str], dict[int, Draft]] = {}  # by call and reason, by number
        self.at: ast.AST = ast.Pass()  # what is being read, where a special method is called
        self.many = 0
        self.rounds: int | None = 1  # how often what is read may run; None where the source does not tell
        self.optional = 0
        self.loops = 0
        self.active: dict[int, Frame] = {}
        self.depth = 0  # functions and modules that are being read, one inside the other
        self.inlined = 0
        self.inlined_at_import = 0
        self.quiet: set[int] = set()
        self.quiet_at_import: set[int] = set()
        self.findings: dict[tuple[str, str, str, int], Finding] = {}
        self.used: dict[UsedFunction, None] = {}
        self.described: dict[int, tuple[Function, tuple[str, str]]] = {}  # by id; the function is held, so it stays
        self.codes: dict[int, tuple[TaskValue, Options, str]] = {}  # digests by id of the task, which is held
        self.bodies: CodeReader
        self.importing = 0  # modules whose top level is being read, one inside the other
        self.decided = 0  # grows with every test that what a helper was given decided
        self.past_only = False  # only what runs past its task is recorded
        self._scopes: dict[str, Scope] = {}
        self._stars: dict[str, list[str]] = {}
        self._relative: dict[str, str] = {}
        self._numbers = 0
        self._reached = 0  # how often something beyond the statements that are read was asked or told

    def forget(self) -> None:
        """Let go of what was read. Functions hold their scopes and scopes their functions: nothing else parts them."""
        for scope in self._scopes.values():
            scope.forget()
        self._scopes.clear()
        self.recorder = self.frame = self.scope = None  # type: ignore[assignment] # the reading is over
        self.bodies = None  # type: ignore[assignment] # likewise

    # walking

    def evaluate(self, node: ast.expr) -> Value:
        """The value of an expression; records the calls in it."""
        handler = EXPRESSIONS.get(type(node))
        return handler(self, node) if handler is not None else Data()

    def execute(self, statements: list[ast.stmt]) -> int:
        """Run statements in order; says how they can end (bits)."""
        ends = entered = 0
        for statement in statements:
            self.at = statement
            handler = STATEMENTS.get(type(statement))
            end = handler(self, statement) if handler is not None else NEXT
            ends |= end & ~NEXT
            if not end & NEXT:
                break
            if end & (RETURN | BREAK | CONTINUE) and not entered:
                entered = 1  # what follows no longer runs on every path
                self.optional += 1
        else:
            ends |= NEXT
        self.optional -= entered
        return ends

    def reading(self, frame: Frame) -> Reading:
        """Go into a function or module."""
        return Reading(self, frame)

    @contextmanager
    def inner_scope(self, scope: Scope) -> Iterator[Scope]:
        """Go into a comprehension or class body."""
        saved, self.scope = self.scope, scope
        try:
            yield scope
        finally:
            self.scope = saved

    @contextmanager
    def charged(self, deeds: Deeds, *, recording: bool = True) -> Iterator[None]:
        """What is read inside is done by the step of these deeds. Without recording it makes no steps of its own."""
        saved = self.frame
        self._reached += 1
        self.frame = replace(saved, deeds=deeds, place=saved.place if recording else None)
        try:
            yield
        finally:
            self.frame = saved

    def maybe(self, *, when: bool = True) -> Maybe:
        """What is read inside runs on some paths only."""
        return Maybe(self, when)

    def repeatedly(self, *, when: bool = True, times: int | None = None) -> Repeatedly:
        """What is read inside runs any number of times, or at most so often."""
        return Repeatedly(self, when, times)

    def multiply(self, times: int | None) -> None:
        """What is read from here to the end of the loop runs so often as often."""
        self.rounds = None if self.rounds is None or times is None else self.rounds * times

    def reach_out(self) -> None:
        """Note that what is read now goes beyond its own statements: it may say something else another time."""
        self._reached += 1

    # modules and names

    def module_scope(self, path: str) -> Scope:
        """Names of a module of the repository, after its top level was read.

        Raises:
            SourceError: the file is not there or is not Python.
        """
        self._reached += 1
        scope = self._scopes.get(path)
        if scope is not None:
            return scope
        module = self.graph.load(path)
        scope = Scope()
        self._scopes[path] = scope
        counts = self.many, self.optional, self.loops, self.rounds
        self.many = self.optional = self.loops = 0
        self.importing += 1
        self.rounds = 1
        frame = Frame(module, "", scope, None)
        self.at_import[path] = frame.deeds
        with self.reading(frame):
            reached = self._reached
            self.execute(module.tree.body)
            if self._reached == reached and not frame.deeds.found:
                self.graph.inert.add(path)
        self.importing -= 1
        self.many, self.optional, self.loops, self.rounds = counts
        return scope

    def star_import(self, dotted: str) -> None:
        """Note ``from dotted import *`` of a module outside the repository."""
        self._stars.setdefault(self.frame.module.path, []).append(dotted)

    def lookup(self, name: str) -> Value:
        """What a name stands for here."""
        value = self.scope.find(name)
        if value is not None:
            return self.resolve(value)
        if name == "__file__":
            return Text(parts=(TREE + self.frame.module.path,), path=True)
        if name in _MODULE_NAMES:
            return Data()
        stars = self._stars.get(self.frame.module.path)
        if name in _BUILTINS:
            return External(f"builtins.{name}")
        if stars:
            known = [star for star in stars if star.partition(".")[0] in ("prefect", "govflow")]
            return External(f"{(known or stars)[-1]}.{name}")
        return Data(NO_DEPS, Origin.HIDDEN, f"the name {name} is not defined where the repository can be read")

    def resolve(self, value: Value) -> Value:
        """Follow imports to what they name, those among the options of a choice too."""
        if type(value) not in (Imported, Choice):  # asked for every name: most are neither
            return value
        if isinstance(value, Imported):
            return self._follow(value, set())
        if isinstance(value, Choice) and any(isinstance(option, Imported) for option in value.options):
            return self._follow(value, set())
        return value

    def _follow(self, value: Value, seen: set[tuple[str | None, str]]) -> Value:
        while isinstance(value, Imported):
            key = (value.module.path, value.name)
            value = self._own_member(value.module, value.name, from_top_level=key not in seen)
            if len(seen) > _LONGEST_IMPORT:
                return Data(NO_DEPS, Origin.HIDDEN, _CIRCLE)
            seen.add(key)
        if not isinstance(value, Choice):
            return value
        # An option that leads back here says nothing new.
        fresh = [
            option
            for option in value.options
            if not isinstance(option, Imported) or (option.module.path, option.name) not in seen
        ]
        return join([self._follow(option, set(seen)) for option in fresh] or [Data(NO_DEPS, Origin.HIDDEN, _CIRCLE)])

    def member(self, module: ModuleRef, name: str) -> Value:
        """An attribute of a module: a name of its top level, or a submodule."""
        return self.resolve(Imported(module, name))

    def _own_member(self, module: ModuleRef, name: str, *, from_top_level: bool) -> Value:
        """One step of :meth:`member`. ``from . import x`` in a package names itself: then x is the submodule."""
        self._reached += 1
        if module.path is not None and from_top_level:
            if self.depth >= DEEPEST and module.path not in self._scopes:
                return Data(
                    NO_DEPS, Origin.HIDDEN, f"{self.relative(module.path)} is imported too deep down to be read"
                )
            try:
                value = self.module_scope(module.path).own(name)
            except SourceError as error:
                self.find("module-not-read", error.message, module.path, 1)
                return Data(NO_DEPS, Origin.HIDDEN, f"{self.relative(module.path)} cannot be parsed")
            if value is not None:
                return value
        submodule = self.graph.submodule(module, name)
        if submodule is not None:
            return submodule
        stars = self._stars.get(module.path or "")
        if stars:
            return External(f"{stars[-1]}.{name}")
        if name in _MODULE_NAMES:
            return Data()
        where = self.relative(module.path) if module.path else module.dotted
        return Data(NO_DEPS, Origin.HIDDEN, f"{where} has no name {name} that can be read from its source")

    def relative(self, path: str) -> str:
        """A path of the tree, relative to the folder of the flow's file."""
        known = self._relative.get(path)
        if known is None:
            known = self._relative[path] = posixpath.relpath(path or ".", self.folder or ".")
        return known

    def file_text(self, name: str, *, from_root: bool) -> str | None:
        """Text of a file of the tree that code opens, or None.

        Args:
            name: its path.
            from_root: the path is that of the tree; else it is looked for beside the module and in the folders above.
        """
        try:
            return self.graph.text(name) if from_root else self.graph.data(self.frame.module.path, name)
        except SourceError:
            return None

    def label(self, function: Function) -> str:
        """Name of a function in the plan: with its file, if that is not the flow's own."""
        own = self.recorder is not None and function.module.path == self.flow_path
        return function.qualname if own else f"{self.relative(function.module.path)}:{function.qualname}"

    flow_path = ""

    # findings and records

    def find(self, code: str, message: str, path: str, line: int) -> None:
        """Note something that a reader of the plan should know."""
        self._reached += 1
        file = self.relative(path)
        self.findings.setdefault((file, code, message, line), Finding(code=code, message=message, file=file, line=line))

    def report(self, node: ast.AST) -> Callable[[str, str], None]:
        """A function that notes findings at a node of the module that is being read."""
        path, line = self.frame.module.path, getattr(node, "lineno", 1)
        return lambda code, message: self.find(code, message, path, line)

    def use(self, function: Function, role: str) -> None:
        """Note that the plan depends on this function's body."""
        self._reached += 1
        self.used[UsedFunction(function.module.path, function.qualname, first_line(function.node), role)] = None

    def site(self, node: ast.AST) -> Site:
        """The call site of a node of the function that is being read."""
        return Site(self.relative(self.frame.module.path), self.frame.qualname, position_of(node))

    def record(
        self,
        node: ast.AST,
        kind: StepKind,
        callee: str,
        options: Options,
        defaults: tuple[str, str, str],
        code: Callable[[], str],
        *,
        data: Deps = NO_DEPS,
        order: Deps = NO_DEPS,
        direct: Deps = NO_DEPS,
        direct_order: Deps = NO_DEPS,
        closed: dict[str, Deps] | None = None,
        recorded_as: frozenset[str] = frozenset(),
        parameters: tuple[str, ...] = (),
        constants: dict[str, JsonValue] | None = None,
        many: bool = False,
        times: int | None = None,
        optional: bool = False,
        reason: str | None = None,
    ) -> Place | None:
        """Record a call of a step; the same call read twice is one step. None while nothing is recorded."""
        if self.recorder is None or self.frame.place is None or (self.past_only and kind is not StepKind.UNRESOLVED):
            return None
        place = self.frame.place.child((kind, options, reason, callee), callee, self.site(node))
        is_many, is_optional = bool(self.many or many), bool(self.optional or optional)
        count = self.rounds if not many else None if self.rounds is None or times is None else self.rounds * times
        draft = place.draft
        if draft is None:
            self._numbers += 1
            draft = Draft(self._numbers, kind, callee, options, defaults, code(), is_many, is_optional, reason)
            draft.count = count
            draft.recorded_as = recorded_as
            draft.closed = closed or {}
            draft.constants = constants or {}
            place.draft = draft
            self.recorder.drafts[draft.number] = draft
            for frame in self.active.values():
                if frame.below is not None:
                    frame.below.add(draft.number)
        else:
            draft.close(closed or {})
            draft.meet(many=is_many, optional=is_optional, count=count, constants=constants or {})
        draft.parameters.update(dict.fromkeys(parameters))
        self.recorder.touched += 1
        self.recorder.latest.append(draft.number)
        self.recorder.connect(data, draft.number, EdgeKind.DATA, direct)
        self.recorder.connect(order, draft.number, EdgeKind.ORDER, direct_order)
        return place


def first_line(node: ast.AST) -> int:
    """Line of the first decorator or of the definition, as ``co_firstlineno`` has it."""
    lines: list[int] = [getattr(node, "lineno", 1), *(item.lineno for item in getattr(node, "decorator_list", ()))]
    return min(lines)


def constant_of(value: Value) -> object | None:
    """The literal that a value is, or None."""
    return value.value if isinstance(value, Constant) else None
