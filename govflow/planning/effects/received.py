"""What a function is given, as its signature names and annotates it."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from govflow.planning.arguments import Arguments
from govflow.planning.effects.objects import as_object, object_of_type
from govflow.planning.joins import join
from govflow.planning.values import (
    ClassValue,
    Constant,
    Container,
    Data,
    External,
    Function,
    ModuleRef,
    Object,
    Origin,
    Text,
    Value,
)

if TYPE_CHECKING:
    from govflow.planning.machine import Machine
    from govflow.planning.scopes import Scope

_AROUND = frozenset({"Optional", "Annotated", "Union", "Final", "ClassVar"})
_DEEPEST = 6


def received(machine: Machine, function: Function, values: dict[str, Value]) -> dict[str, Value]:
    """Values by parameter, with what names and annotations tell of those of which nothing else is known."""
    classes = machine.annotations.get(id(function.node))
    if classes is None:
        classes = machine.annotations[id(function.node)] = _classes(machine, function)
    for name, value in values.items():
        if (type(value) is Data and value.origin is not Origin.HIDDEN) or (
            isinstance(value, Object) and not value.kind
        ):
            values[name] = _named(machine, value, classes.get(name), name)
    return values


def elements_too(given: Arguments) -> Arguments:
    """Arguments of a mapped call: a list of texts is also each of them, unless it was given unmapped."""
    return Arguments(
        [_element_too(value) for value in given.positional],
        {name: _element_too(value) for name, value in given.keywords.items()},
        given.rest,
    )


def _element_too(value: Value) -> Value:
    if isinstance(value, Container) and value.keys is None and value.items:
        plain = all(isinstance(item, Constant | Text | Object) for item in value.items)
        return join((value, *value.items)) if plain else value
    return value


def annotated(machine: Machine, annotation: ast.expr, value: Value) -> Value:
    """A value that is assigned to an annotated name."""
    if type(value) is not Data and not (isinstance(value, Object) and not value.kind):
        return value
    if not isinstance(value, Data) or value.origin is Origin.HIDDEN:
        return value
    cls = _class_named(machine, annotation, machine.scope, 0)
    if cls is None:
        return value
    return _of_class(machine, value, cls, value.made if isinstance(value, Object) else "") or value


def annotated_as(machine: Machine, annotation: ast.expr, scope: Scope, value: Data, name: str) -> Data | None:
    """A value as its annotation says; None if that says nothing."""
    cls = _class_named(machine, annotation, scope, 0)
    return None if cls is None else _of_class(machine, value, cls, name)


def _named(machine: Machine, value: Data, cls: Value | None, name: str) -> Data:
    found = None if cls is None else _of_class(machine, value, cls, name)
    if found is not None:
        return found
    if isinstance(value, Object):
        return value if value.tame or "()" in value.made else replace(value, made=name)
    return as_object(value, made=name)


def _of_class(machine: Machine, value: Data, cls: Value, name: str) -> Data | None:
    if isinstance(cls, ClassValue):
        return replace(as_object(value, made=name), cls=cls)
    return object_of_type(machine, cls, value, name) if isinstance(cls, External) else None


def _classes(machine: Machine, function: Function) -> dict[str, Value]:
    """The classes that the annotations of a signature name."""
    found: dict[str, Value] = {}
    signature = function.node.args
    for argument in (*signature.posonlyargs, *signature.args, *signature.kwonlyargs):
        if argument.annotation is not None:
            cls = _class_named(machine, argument.annotation, function.scope, 0)
            if cls is not None:
                found[argument.arg] = cls
    return found


def _class_named(machine: Machine, node: ast.expr, scope: Scope, depth: int) -> Value | None:
    """The class that an annotation names, out of ``Optional``, ``X | None`` and quotes."""
    if depth > _DEEPEST:
        return None
    match node:
        case ast.Constant(value=str(text)):
            try:
                return _class_named(machine, ast.parse(text, mode="eval").body, scope, depth + 1)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _class_named(machine, left, scope, depth + 1) or _class_named(machine, right, scope, depth + 1)
        case ast.Subscript(value=outer, slice=inner):
            if _last(outer) in _AROUND:
                first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
                return _class_named(machine, first, scope, depth + 1)
            return _class_named(machine, outer, scope, depth + 1)
        case ast.Name() | ast.Attribute():
            value = _value_of(machine, node, scope)
            return value if isinstance(value, ClassValue | External) else None
    return None


def _value_of(machine: Machine, node: ast.expr, scope: Scope) -> Value | None:
    if isinstance(node, ast.Name):
        found = scope.find(node.id)
        return External(f"builtins.{node.id}") if found is None else machine.resolve(found)
    if isinstance(node, ast.Attribute):
        owner = _value_of(machine, node.value, scope)
        if isinstance(owner, External):
            return External(f"{owner.dotted}.{node.attr}")
        if isinstance(owner, ModuleRef):
            return machine.member(owner, node.attr)
    return None


def _last(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
