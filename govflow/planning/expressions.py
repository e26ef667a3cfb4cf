"""What each kind of expression gives."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, TypeVar

from govflow.planning.arguments import Arguments
from govflow.planning.calls import call
from govflow.planning.deciding import decided
from govflow.planning.effects import texts
from govflow.planning.joins import join, made_from
from govflow.planning.machine import EXPRESSIONS, Machine
from govflow.planning.members import attribute, class_member, element, iterate, loaded_module, take_in
from govflow.planning.rounds import rounds
from govflow.planning.scopes import Scope
from govflow.planning.special import FORMATTED, SHOWN, compared, operated, special, truth, turned
from govflow.planning.spread import evaluate_arguments
from govflow.planning.values import (
    NONE,
    BoundFunction,
    Choice,
    Constant,
    Container,
    Data,
    External,
    Function,
    Instance,
    ModuleNames,
    ModuleRef,
    Value,
)

_Handler = TypeVar("_Handler", bound=Callable[[Machine, Any], Value])


def _reads(*kinds: type[ast.AST]) -> Callable[[_Handler], _Handler]:
    def register(handler: _Handler) -> _Handler:
        for kind in kinds:
            EXPRESSIONS[kind] = handler
        return handler

    return register


@_reads(ast.Constant)
def _constant(_: Machine, node: ast.Constant) -> Value:
    return Constant(node.value)


@_reads(ast.Name)
def _name(machine: Machine, node: ast.Name) -> Value:
    return machine.lookup(node.id)


@_reads(ast.Attribute)
def _attribute(machine: Machine, node: ast.Attribute) -> Value:
    return attribute(machine, machine.evaluate(node.value), node.attr, node)


@_reads(ast.Call)
def _call(machine: Machine, node: ast.Call) -> Value:
    function = machine.evaluate(node.func)
    given = evaluate_arguments(machine, node)
    machine.at = node
    return call(machine, function, given, node)


@_reads(ast.Await)
def _await(machine: Machine, node: ast.Await) -> Value:
    value = machine.evaluate(node.value)
    given = special(machine, value, ("__await__",))
    return value if given is None else iterate(machine, given)


@_reads(ast.Starred)
def _starred(machine: Machine, node: ast.Starred) -> Value:
    return iterate(machine, machine.evaluate(node.value))


@_reads(ast.Tuple, ast.List, ast.Set)
def _sequence(machine: Machine, node: ast.Tuple | ast.List | ast.Set) -> Value:
    items: list[Value] = []
    exact = True
    for element_node in node.elts:
        if isinstance(element_node, ast.Starred):
            inner = machine.evaluate(element_node.value)
            if isinstance(inner, Container) and inner.keys is None and inner.exact:
                items.extend(inner.items)
            else:
                exact = False
                items.append(iterate(machine, inner))
        else:
            items.append(machine.evaluate(element_node))
    return Container(items, exact=exact)


@_reads(ast.Dict)
def _dict(machine: Machine, node: ast.Dict) -> Value:
    found = Container([], [])
    for key, value in zip(node.keys, node.values, strict=True):
        if key is not None:
            name = machine.evaluate(key)
            found.add(machine.evaluate(value), name)
            continue
        inner = machine.evaluate(value)  # {**inner}
        if isinstance(inner, Container) and inner.keys is not None:
            for inner_key, item in zip(inner.keys, inner.items, strict=True):
                found.add(item, inner_key)
            found.exact = found.exact and inner.exact
        else:
            found.exact = False
            found.add(iterate(machine, inner))
        found.settle()
    return found


@_reads(ast.Subscript)
def _subscript(machine: Machine, node: ast.Subscript) -> Value:
    owner = machine.evaluate(node.value)
    if isinstance(owner, External) and owner.dotted == "sys.modules":
        if isinstance(node.slice, ast.Name) and node.slice.id == "__name__":
            return ModuleRef(machine.frame.module.path, None, machine.frame.module.stem)
        return loaded_module(machine, machine.evaluate(node.slice))
    index = machine.evaluate(node.slice)
    machine.at = node
    return element(machine, owner, index)


@_reads(ast.IfExp)
def _conditional(machine: Machine, node: ast.IfExp) -> Value:
    known = decided(machine, node.test)
    if known is not None:
        return machine.evaluate(node.body if known else node.orelse)
    truth(machine, machine.evaluate(node.test), node.test)
    with machine.maybe():
        return join((machine.evaluate(node.body), machine.evaluate(node.orelse)))


@_reads(ast.BoolOp)
def _boolean(machine: Machine, node: ast.BoolOp) -> Value:
    values = [machine.evaluate(node.values[0])]
    with machine.maybe():
        values.extend(machine.evaluate(value) for value in node.values[1:])
        for value in values[:-1]:
            truth(machine, value, node)
    return join(values)


@_reads(ast.BinOp)
def _binary(machine: Machine, node: ast.BinOp) -> Value:
    left, right = machine.evaluate(node.left), machine.evaluate(node.right)
    if isinstance(left, Container) and isinstance(right, Container) and left.keys is None and right.keys is None:
        return Container([*left.items, *right.items], exact=left.exact and right.exact)
    if isinstance(left, Container) and left.keys is not None and isinstance(right, Container):
        return Container([*left.items, *right.items], [*left.keys, *(right.keys or right.items)])
    if isinstance(left, Container) and isinstance(node.op, ast.Mult):
        return Container(list(left.items), exact=False)
    given = operated(machine, node.op, left, right, node)
    if given is not None:
        return given
    text = texts.binary(node.op, left, right)
    return made_from(left, right) if text is None else text


@_reads(ast.UnaryOp)
def _unary(machine: Machine, node: ast.UnaryOp) -> Value:
    value = machine.evaluate(node.operand)
    if isinstance(node.op, ast.USub) and isinstance(value, Constant) and type(value.value) in (int, float):
        return Constant(-value.value)  # type: ignore[operator] # int or float
    given = turned(machine, node.op, value, node)
    return made_from(value) if given is None else given


@_reads(ast.Compare)
def _compare(machine: Machine, node: ast.Compare) -> Value:
    values = [machine.evaluate(node.left), machine.evaluate(node.comparators[0])]
    with machine.maybe():  # a < b < c stops at the first that is false
        values.extend(machine.evaluate(value) for value in node.comparators[1:])
    for operator, left, right in zip(node.ops, values, values[1:], strict=False):
        compared(machine, operator, left, right, node)
    return made_from(*values)


@_reads(ast.JoinedStr)
def _text(machine: Machine, node: ast.JoinedStr) -> Value:
    return texts.joined([machine.evaluate(value) for value in node.values])


@_reads(ast.FormattedValue)
def _formatted(machine: Machine, node: ast.FormattedValue) -> Value:
    value = machine.evaluate(node.value)
    machine.at = node
    given = special(machine, value, SHOWN if node.conversion in (ord("r"), ord("a")) else FORMATTED)
    values = [value if given is None else given]
    if node.format_spec is not None:
        values.append(machine.evaluate(node.format_spec))
    elif node.conversion in (-1, ord("s")):
        return values[0]
    return made_from(*values)


@_reads(ast.Slice)
def _slice(machine: Machine, node: ast.Slice) -> Value:
    parts = [machine.evaluate(part) for part in (node.lower, node.upper, node.step) if part is not None]
    return made_from(*parts)


@_reads(ast.Lambda)
def _lambda(machine: Machine, node: ast.Lambda) -> Value:
    return make_function(machine, node)


@_reads(ast.NamedExpr)
def _walrus(machine: Machine, node: ast.NamedExpr) -> Value:
    value = machine.evaluate(node.value)
    machine.frame.scope.bind(node.target.id, value)  # out of the comprehension, into the function
    return value


@_reads(ast.Yield)
def _yield(machine: Machine, node: ast.Yield) -> Value:
    machine.frame.yields.append(NONE if node.value is None else machine.evaluate(node.value))
    return Data()


@_reads(ast.YieldFrom)
def _yield_from(machine: Machine, node: ast.YieldFrom) -> Value:
    machine.frame.yields.append(iterate(machine, machine.evaluate(node.value)))
    return Data()


@_reads(ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
def _comprehension(machine: Machine, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
    first = machine.evaluate(node.generators[0].iter)  # evaluated once, outside
    times = rounds(machine, node.generators[0].iter, first)
    with machine.inner_scope(Scope(machine.scope)), machine.repeatedly(times=times):
        for index, generator in enumerate(node.generators):
            source = first if index == 0 else machine.evaluate(generator.iter)
            if index:
                machine.multiply(rounds(machine, generator.iter, source))
            bind_target(machine, generator.target, iterate(machine, source))
            for test in generator.ifs:
                truth(machine, machine.evaluate(test), test)
        if isinstance(node, ast.DictComp):
            key = machine.evaluate(node.key)
            return Container([machine.evaluate(node.value)], [key], exact=False)
        return Container([machine.evaluate(node.elt)], exact=False)


def make_function(machine: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Function:
    """The function that a definition makes; default values are evaluated here."""
    scope = machine.scope
    while scope.is_class and scope.parent is not None:
        scope = scope.parent
    name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
    return Function(
        node,
        machine.frame.module,
        qualified(machine, name),
        scope,
        defaults=tuple(machine.evaluate(item) for item in node.args.defaults),
        keyword_defaults=tuple(None if item is None else machine.evaluate(item) for item in node.args.kw_defaults),
    )


def qualified(machine: Machine, name: str) -> str:
    """Qualified name of what is defined here, as Python gives it."""
    prefix = machine.scope.prefix
    if machine.frame.qualname and not machine.scope.is_class:
        return f"{machine.frame.qualname}.<locals>.{name}"
    return f"{prefix}.{name}" if prefix else name


def bind_target(machine: Machine, target: ast.expr, value: Value) -> None:
    """Assign a value to a target: a name, a tuple of targets, an attribute, an element."""
    if type(target) is ast.Name:  # asked for at every assignment: most are no more
        machine.scope.bind(target.id, value)
        return
    match target:
        case ast.Starred(value=inner):
            bind_target(machine, inner, value)
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            _unpack(machine, targets, value)
        case ast.Attribute(value=owner, attr=name):
            store_attribute(machine, machine.evaluate(owner), name, value)
        case ast.Subscript(value=owner, slice=index):
            container, key = machine.evaluate(owner), machine.evaluate(index)
            if isinstance(container, Container):
                put(container, key, value)
            elif isinstance(container, ModuleNames) and isinstance(key, Constant) and isinstance(key.value, str):
                store_attribute(machine, container.module, key.value, value)
            elif special(machine, container, ("__setitem__",), key, value) is None:
                take_in(container, value)


def _unpack(machine: Machine, targets: list[ast.expr], value: Value) -> None:
    stars = [index for index, target in enumerate(targets) if isinstance(target, ast.Starred)]
    known = isinstance(value, Container) and value.keys is None and value.exact
    if isinstance(value, Container) and known and not stars and len(value.items) == len(targets):
        for target, item in zip(targets, value.items, strict=True):
            bind_target(machine, target, item)
        return
    if isinstance(value, Container) and known and len(stars) == 1:
        head, tail = stars[0], len(targets) - stars[0] - 1
        if len(value.items) >= head + tail:
            end = len(value.items) - tail
            groups: list[Value] = [*value.items[:head], Container(value.items[head:end]), *value.items[end:]]
            for target, item in zip(targets, groups, strict=True):
                bind_target(machine, target, item)
            return
    item = iterate(machine, value)
    for target in targets:
        bind_target(machine, target, Container([item], exact=False) if isinstance(target, ast.Starred) else item)


def store_attribute(machine: Machine, owner: Value, name: str, value: Value) -> None:
    """``owner.name = value``. Objects only gain: what an attribute may be, it may stay."""
    if isinstance(owner, Instance):
        if not _set_by_class(machine, owner, name, value):
            known = owner.attributes.get(name)
            owner.attributes[name] = value if known is None else join((known, value))
    elif isinstance(owner, Choice):
        for option in owner.options:
            store_attribute(machine, option, name, value)
    elif isinstance(owner, ModuleRef) and owner.path is not None:
        scope = machine.module_scope(owner.path)
        scope.bind(name, join((scope.own(name), value)))


def _set_by_class(machine: Machine, owner: Instance, name: str, value: Value) -> bool:
    """Whether a property or a descriptor of the class takes the value, and keeps it where it likes."""
    found = class_member(owner.cls, name)
    if isinstance(found, Function) and found.setter is not None:
        call(machine, BoundFunction(found.setter, owner), Arguments([value]), machine.at)
        return True
    if isinstance(found, Instance) and special(machine, found, ("__set__",), owner, value) is not None:
        return True
    special(machine, owner, ("__setattr__",), Constant(name), value)
    return False


def put(container: Container, key: Value, value: Value) -> None:
    """``container[key] = value``."""
    if container.keys is None:
        container.exact = False
        container.add(value)
        return
    if isinstance(key, Constant):
        for index, known in enumerate(container.keys):
            if isinstance(known, Constant) and known.value == key.value:
                container.items[index] = join((container.items[index], value))
                return
    else:
        container.exact = False
    container.add(value, key)
