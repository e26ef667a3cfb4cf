"""What the names of a module must stand for in memory, where its source leaves no doubt.

A name counts only if the module binds it once, by a statement of its top level, and no function says ``global``.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_GOVERNED = frozenset({"task", "flow", "materialize"})
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Defined:
    """``def`` or ``class``. A plain one is what the name stands for; a decorator may give another object."""

    name: str
    plain: bool
    governed: bool = False  # a decorator makes a task or flow of it
    methods: tuple[Defined, ...] | None = None  # of a class


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant that nothing can change: text, a number, or a tuple of them."""

    value: Any


@dataclass(frozen=True, slots=True)
class FromImport:
    """``from module import attribute``."""

    module: str
    level: int
    attribute: str


@dataclass(frozen=True, slots=True)
class ModuleImport:
    """``import module``; ``module`` is what the name stands for."""

    module: str


Stands = Defined | Literal | FromImport | ModuleImport


@dataclass(frozen=True, slots=True)
class TopLevel:
    """One module."""

    names: Mapping[str, Stands] = field(default_factory=dict)
    defaults: Mapping[str, tuple[tuple[int, Any], ...]] = field(default_factory=dict)
    """Qualified name of a function that is defined once, to the places and values of its defaults that are literals;
    keyword-only ones follow the others."""


def top_level(source: str) -> TopLevel:
    """Read a module without running it.

    Raises:
        SyntaxError: the source is not Python.
    """
    tree = ast.parse(source)
    counts = Counter(_bound_in(tree))
    shared = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    names = {
        name: stands
        for statement in tree.body
        for name, stands in _named_by(statement)
        if counts[name] == 1 and name not in shared
    }
    functions: dict[str, list[tuple[tuple[int, Any], ...]]] = {}
    for qualname, node in _functions(tree, ""):
        functions.setdefault(qualname, []).append(tuple(_defaults(node.args)))
    return TopLevel(names, {name: found[0] for name, found in functions.items() if len(found) == 1})


def _bound_in(node: ast.AST) -> Iterator[str]:
    """Every binding of a name in the module's own scope."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in names)
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
        if not isinstance(child, _SCOPES):
            yield from _bound_in(child)


def _named_by(statement: ast.stmt) -> Iterator[tuple[str, Stands]]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name, _defined(statement)
        case ast.ClassDef(name=name):
            methods = tuple(
                _defined(item) for item in statement.body if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))
            )
            yield name, Defined(name, not (statement.decorator_list or statement.keywords), methods=methods)
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AnnAssign(target=ast.Name(id=name), value=value)
        ):
            literal = _literal(value)
            if literal is not None:
                yield name, literal
        case ast.ImportFrom(module=module, names=aliases, level=level):
            for alias in aliases:
                yield alias.asname or alias.name, FromImport(module or "", level, alias.name)
        case ast.Import(names=aliases):
            for alias in aliases:
                yield (
                    alias.asname or alias.name.partition(".")[0],
                    ModuleImport(alias.name if alias.asname else alias.name.partition(".")[0]),
                )


def _defined(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Defined:
    makers = [item.func if isinstance(item, ast.Call) else item for item in node.decorator_list]
    names = {item.attr if isinstance(item, ast.Attribute) else getattr(item, "id", "") for item in makers}
    return Defined(node.name, not node.decorator_list, bool(names & _GOVERNED))


def _literal(node: ast.expr | None) -> Literal | None:
    try:
        value = None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return None
    return Literal(value) if node is not None and _is_fixed(value) else None


def _is_fixed(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_fixed, value))
    return value is None or isinstance(value, (str, bytes, int, float, complex))


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + child.name, child
            yield from _functions(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


def _defaults(arguments: ast.arguments) -> Iterator[tuple[int, Any]]:
    given = [*arguments.defaults, *(item for item in arguments.kw_defaults if item is not None)]
    for place, node in enumerate(given):
        literal = _literal(node)
        if literal is not None:
            yield place, literal.value
