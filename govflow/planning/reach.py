"""One body with everything of the repository that it reads, as numbered definitions.

A definition is found by a name where the body uses it: a helper, a class, the statements that bind a module-level name.
Definitions are numbered in order of first use, so a digest does not know files or folders. A task or flow that a body
names is only named: it is a step with a digest of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from typing import Any, TypeAlias

from govflow.errors import SourceError
from govflow.planning.bound_names import parameters
from govflow.planning.clues import Clues, clues_of
from govflow.planning.machine import Machine
from govflow.planning.members import class_member
from govflow.planning.modules import SourceModule
from govflow.planning.normal_form import Form, Normal, digest, docstrings, normalise, unquoted
from govflow.planning.values import (
    ClassValue,
    External,
    FlowValue,
    Function,
    ModuleRef,
    TaskValue,
    Value,
)

Explained: TypeAlias = Any  # a form, or the number of a definition


class Reading:
    """One body with its definitions."""

    def __init__(self, machine: Machine, touched: dict[str, None]) -> None:
        self._machine = machine
        self._touched = touched
        self._numbers: dict[object, int] = {}
        self._nodes: list[ast.AST] = []
        self._docs = False
        self._definitions: list[list[Any]] = []
        self._starred: set[str] = set()
        self._followed: set[tuple[str, str]] = set()

    def document(self) -> Form:
        """The body is the first definition. Docstrings count where one of them is read."""
        if not self._docs:
            return ["body", self._definitions]
        return ["body", self._definitions, [text for node in self._nodes for text in docstrings(node)]]

    def function(self, function: Function) -> int:
        """Define a function; its enclosing functions too, if it reads their names."""
        key = (id(function.node), id(function.scope))
        if key in self._numbers:
            return self._numbers[key]
        number, entry = self._open(key)
        normal = self._normal(function.node)
        names: dict[str, Explained] = {}
        for dotted in normal.free:
            names[dotted] = self._name(function, dotted)
        if function.owner is not None:
            names.update(self._members(function, function.owner))
        names.update(self._annotations(function))
        self._close(entry, normal, names, function.module, function.node)
        if function.decorators:
            entry.append([self.statement(function.module, node) for node in function.decorators])
        if number:
            self._machine.use(function, "helper")
        return number

    def whole_class(self, cls: ClassValue) -> int:
        """Define a class with all its methods."""
        key = id(cls.node)
        if key in self._numbers:
            return self._numbers[key]
        number, entry = self._open(key)
        normal = self._normal(cls.node)
        names = {dotted: self.global_name(cls.module, dotted) for dotted in normal.free}
        self._close(entry, normal, names, cls.module, cls.node)
        self._decorators(entry, cls.module, cls.node)
        for member in cls.members.values():
            if isinstance(member, Function):
                self._machine.use(member, "helper")
        return number

    def _open(self, key: object) -> tuple[int, list[Any]]:
        number = self._numbers[key] = len(self._definitions)
        entry: list[Any] = []
        self._definitions.append(entry)
        return number, entry

    def _close(
        self, entry: list[Any], normal: Normal, names: dict[str, Explained], module: SourceModule, node: ast.AST
    ) -> None:
        imported = [[token, self._import(module, level, dotted, name)] for token, level, dotted, name in normal.imports]
        entry.extend((normal.form, names, imported))
        self._nodes.append(node)
        clues = self._machine.graph.clues.of(node, lambda: clues_of(node, module, normal.words))
        if clues:
            self._docs = self._docs or clues.docs
            entry.append(["clues", *self._explained(clues, module)])

    def _explained(self, clues: Clues, module: SourceModule) -> Iterator[Explained]:
        for name in clues.modules:
            yield ["module", name, self._imported(module, 0, name, "")]
        if clues.own_module:
            yield ["own module", self._whole_module(module)]
        written = {clue.name for clue in clues.files if clue.writes}
        for clue in clues.files:
            if clue.name not in written:
                yield self._file(module, clue.name, clue.line)

    def _file(self, module: SourceModule, name: str, line: int) -> Explained:
        try:
            text = self._machine.graph.data(module.path, name)
        except SourceError as error:
            text, why = None, error.message
        else:
            scheme, remote, _ = name.partition("://")
            shown = f"{scheme}://…" if remote else name  # an address may hold a password or a token
            why = f"{shown} is opened and is not a file of the repository"
        if text is None:
            self._machine.find("file-not-read", f"{why}: what it holds is no part of the plan", module.path, line)
            return ["file", name]
        return ["file", name, digest(["text", text])]

    def _whole_module(self, module: SourceModule) -> int:
        """Define all names of a module: it is used as a value, so any of them may be read."""
        key = ("module", module.path)
        if key in self._numbers:
            return self._numbers[key]
        number, entry = self._open(key)
        names = {
            name: self.global_name(module, name)
            for name, statements in module.bindings.items()
            if not all(isinstance(item, ast.Import) for item in statements)
        }
        stars = [self._imported(module, star.level, star.module or "", "") for star in module.stars]
        entry.extend(("module", names, stars))
        return number

    def _annotations(self, function: Function) -> dict[str, Explained]:
        """What of the repository the annotations of the parameters name: pydantic runs it on what is given."""
        found: dict[str, Explained] = {}
        for item in parameters(function.node.args):
            annotation = item.annotation
            if annotation is None:
                continue
            for dotted in self._machine.graph.annotations.of(annotation, partial(_names_in, annotation)):
                explained = self._name(function, dotted)
                if _is_inside(explained):
                    found[f": {dotted}"] = explained
        return found

    def _decorators(self, entry: list[Any], module: SourceModule, node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.decorator_list:
            entry.append([self.statement(module, item) for item in node.decorator_list])

    def _normal(self, node: ast.AST) -> Normal:
        return self._machine.graph.normals.of(node, lambda: normalise(node))

    # names

    def _name(self, function: Function, dotted: str) -> Explained:
        """A free name of a function: of an enclosing function, or of its module."""
        first = dotted.partition(".")[0]
        value = function.scope.found_inside(first)
        if value is not None:
            return self._enclosed(value)
        return self.global_name(function.module, dotted)

    def _enclosed(self, value: Value) -> Explained:
        value = self._machine.resolve(value)
        match value:
            case Function():
                return self.function(value)
            case ClassValue():
                return self.whole_class(value)
            case TaskValue() | FlowValue():
                return _named(value)
            case External(dotted=dotted):
                return ["external", dotted]
        return ["enclosed"]  # the enclosing body says what it is

    def global_name(self, module: SourceModule, dotted: str) -> Explained:
        """A dotted name of a module, followed through the modules of the repository."""
        first, _, rest = dotted.partition(".")
        statements = module.bindings.get(first)
        if not statements:
            if first == "__doc__":
                return ["doc", ast.get_docstring(module.tree)]
            return self._from_star(module, dotted)
        explained = [self._binding(module, statement, first, rest) for statement in statements]
        return explained[0] if len(explained) == 1 else ["several", explained]

    def _from_star(self, module: SourceModule, dotted: str) -> Explained:
        """A name that a star import may bring, of the repository or of outside; else a builtin, or nothing."""
        first = dotted.partition(".")[0]
        outside: list[str] = []  # may bring the name; an import further down wins
        for star in reversed(module.stars):
            found = self._machine.graph.find(module.path, star.level, star.module or "")
            if found is None:
                outside.append("." * star.level + (star.module or ""))
            if found is None or found.path is None or found.path in self._starred:
                continue
            try:
                source = self._machine.graph.load(found.path)
            except SourceError:
                continue
            self._starred.add(found.path)  # star imports may go round in a circle
            inner = self.global_name(source, dotted) if first in source.bindings else self._from_star(source, dotted)
            self._starred.discard(found.path)
            if inner != ["global"]:
                return ["star", outside, inner] if outside else inner
        return ["star", outside] if outside else ["global"]

    def _binding(self, module: SourceModule, statement: ast.stmt, name: str, rest: str) -> Explained:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return self._definition(module, statement, name, rest)
            case ast.Import(names=aliases):
                for alias in aliases:
                    if (alias.asname or alias.name.partition(".")[0]) == name:
                        target = alias.name if alias.asname else name
                        return self._imported(module, 0, target, rest)
            case ast.ImportFrom(names=aliases, module=base, level=level):
                for alias in aliases:
                    if (alias.asname or alias.name) == name:
                        inner = f"{alias.name}.{rest}" if rest else alias.name
                        return self._imported(module, level, base or "", inner)
        return self.statement(module, statement)

    def _definition(
        self,
        module: SourceModule,
        statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
        name: str,
        rest: str,
    ) -> Explained:
        value = self._machine.module_scope(module.path).own(name)
        value = None if value is None else self._machine.resolve(value)
        if isinstance(value, TaskValue | FlowValue):
            if rest.partition(".")[0] == "fn" and isinstance(value.fn, Function):
                return ["fn", self.function(value.fn)]
            if rest in ("__doc__", "description") and isinstance(value.fn, Function):
                return ["doc", docstrings(value.fn.node)[:1]]
            return _named(value)
        if isinstance(value, Function) and value.node is statement:
            return self.function(value)
        if isinstance(value, ClassValue) and value.node is statement:
            return self.whole_class(value)
        return self.statement(module, statement)

    def expression(self, module: SourceModule, node: ast.expr) -> Explained:
        """Define an expression of a module's top level."""
        return self.statement(module, node)

    def statement(self, module: SourceModule, statement: ast.AST) -> Explained:
        """Define a statement or an expression of a module's top level, decorators included."""
        key = id(statement)
        if key in self._numbers:
            return self._numbers[key]
        number, entry = self._open(key)
        normal = self._normal(statement)
        names = {dotted: self.global_name(module, dotted) for dotted in normal.free}
        self._close(entry, normal, names, module, statement)
        self._decorators(entry, module, statement)
        return number

    def _import(self, module: SourceModule, level: int, dotted: str, name: str | None) -> Explained:
        """An import inside a body: the whole module's meaning is not known, the name's is."""
        return self._imported(module, level, dotted, name or "")

    def _imported(self, module: SourceModule, level: int, dotted: str, rest: str) -> Explained:
        graph = self._machine.graph
        found = graph.find(module.path, level, dotted)
        if found is None and rest:
            first, _, more = rest.partition(".")
            found = graph.find(module.path, level, f"{dotted}.{first}" if dotted else first)
            if found is not None:
                return self._member(found, more)
        if found is None:
            return ["external", "." * level + dotted, rest]
        return self._member(found, rest)

    def _member(self, found: ModuleRef, rest: str) -> Explained:
        if found.path is not None:
            self._touched[found.path] = None
        while rest:
            first, _, more = rest.partition(".")
            explained = self._of_top_level(found, first, rest)
            if explained is not None:
                return explained
            inner = self._machine.graph.submodule(found, first)
            if inner is None:
                return self._missing(found, rest)
            found, rest = inner, more
        try:
            return ["module"] if found.path is None else ["module", self._whole_module(self._load(found.path))]
        except SourceError:
            return ["broken"]

    def _missing(self, found: ModuleRef, rest: str) -> Explained:
        if found.path is not None and "__getattr__" in self._load(found.path).bindings:
            return ["made", rest, self.global_name(self._load(found.path), "__getattr__")]
        return ["missing", rest]

    def _load(self, path: str) -> SourceModule:
        self._touched[path] = None
        return self._machine.graph.load(path)

    def _of_top_level(self, found: ModuleRef, first: str, rest: str) -> Explained | None:
        key = (found.path or "", first)
        if found.path is None or key in self._followed:
            return None  # ``from . import x`` in a package names itself: then x is the submodule
        try:
            module = self._machine.graph.load(found.path)
        except SourceError:
            return ["broken"]
        self._followed.add(key)
        try:
            if first in module.bindings or first == "__doc__":
                return self.global_name(module, rest)
            starred = self._from_star(module, rest) if module.stars else ["global"]
            return None if starred == ["global"] else starred
        finally:
            self._followed.discard(key)

    def _members(self, function: Function, owner: ClassValue) -> dict[str, Explained]:
        """What a method reads of its own class: ``self.helper``."""
        signature = function.node.args
        slots = [*signature.posonlyargs, *signature.args]
        if not slots:
            return {}
        me, found = slots[0].arg, {}
        for node in ast.walk(function.node):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == me:
                member = class_member(owner, node.attr)
                if member is not None:
                    found[f"self.{node.attr}"] = self._enclosed(member)
        return found


def _is_inside(explained: Explained) -> bool:
    """Whether an explanation leads to a definition of the repository."""
    return isinstance(explained, int) or (isinstance(explained, list) and any(map(_is_inside, explained)))


def _named(value: TaskValue | FlowValue) -> Explained:
    kind = "task" if isinstance(value, TaskValue) else "flow"
    return [kind, value.fn.qualname if isinstance(value.fn, Function) else ""]


def _names_in(annotation: ast.expr) -> tuple[str, ...]:
    return normalise(unquoted(annotation)).free
