"""What definitions and imports bind."""

from __future__ import annotations

import ast
from dataclasses import replace

from govflow.errors import SourceError
from govflow.planning.arguments import Arguments
from govflow.planning.calls import call
from govflow.planning.expressions import make_function, qualified
from govflow.planning.joins import join
from govflow.planning.machine import NEXT, Machine
from govflow.planning.members import class_member, metaclass_of
from govflow.planning.scopes import Scope
from govflow.planning.special import special
from govflow.planning.statements import runs
from govflow.planning.values import (
    NO_DEPS,
    BoundFunction,
    Choice,
    ClassValue,
    Constant,
    Container,
    Data,
    Decorator,
    External,
    FlowValue,
    Function,
    HookPoint,
    Imported,
    Instance,
    ModuleRef,
    Named,
    Origin,
    Partial,
    TaskValue,
    Value,
)
from govflow.planning.vocabulary import (
    ASSET_TASK_MAKERS,
    CALLING_LATER,
    FLOW_MAKERS,
    SINGLE_CALL_DECORATORS,
    TASK_MAKERS,
)

_BINDINGS = {
    "builtins.staticmethod": "static",
    "builtins.classmethod": "class",
    "builtins.property": "property",
    "functools.cached_property": "property",
}


@runs(ast.FunctionDef, ast.AsyncFunctionDef)
def _define(machine: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    value: Value = make_function(machine, node)
    for decorator in reversed(node.decorator_list):
        value = _decorate(machine, decorator, value)
    machine.scope.bind(node.name, value)
    return NEXT


def _decorate(machine: Machine, node: ast.expr, value: Value) -> Value:
    decided = machine.decided
    decorator = machine.evaluate(node)
    made = _decorated(machine, node, decorator, value)
    inner = value.fn if isinstance(value, TaskValue | FlowValue) else value
    makes_step = isinstance(made, TaskValue | FlowValue) and not isinstance(value, TaskValue | FlowValue)
    makes_step = makes_step and machine.decided == decided  # one that decides is held by the digest whole
    if isinstance(inner, Function) and not makes_step and not isinstance(decorator, HookPoint):
        inner.decorators.append(node)
    return made


def _of_property(machine: Machine, node: ast.expr, value: Value) -> Value | None:
    """``@name.setter``: the property with one more function."""
    if not isinstance(node, ast.Attribute) or node.attr not in ("setter", "deleter") or not isinstance(value, Function):
        return None
    known = machine.evaluate(node.value)
    if not isinstance(known, Function) or known.binding != "property":
        return None
    made = replace(known, setter=value) if node.attr == "setter" else replace(known, deleter=value)
    made.decorators = known.decorators
    return made


def _is_registered(machine: Machine, node: ast.expr, value: Value) -> bool:
    """``@function.register``: the function then does for some arguments what this one does."""
    named = node.func if isinstance(node, ast.Call) else node
    if not isinstance(named, ast.Attribute) or named.attr != "register" or not isinstance(value, Function):
        return False
    known = machine.evaluate(named.value)
    if isinstance(known, Function) and known.wrapped and value is not known:
        known.registered = (*known.registered, value)
        return True
    return False


def _decorated(machine: Machine, node: ast.expr, decorator: Value, value: Value) -> Value:
    accessor = _of_property(machine, node, value)
    if accessor is not None:
        return accessor
    if _is_registered(machine, node, value):
        return value
    match decorator:
        case Choice(options=options):  # with and without brackets: ``if fn is None: return partial(...)``
            return join([_decorated(machine, node, option, value) for option in options])
        case External(dotted=dotted) if dotted in _BINDINGS:
            inner = value.fn if isinstance(value, TaskValue | FlowValue) else value
            if isinstance(inner, Function):
                inner.binding = _BINDINGS[dotted]  # type: ignore[assignment] # one of the literals
            return value
        case External(dotted=dotted) if dotted in TASK_MAKERS | FLOW_MAKERS | ASSET_TASK_MAKERS:
            return call(machine, decorator, Arguments([value]), node)
        case External(dotted=dotted) if dotted in CALLING_LATER:
            call(machine, decorator, Arguments([value]), node)
            return value
        case External(dotted=dotted) if dotted in SINGLE_CALL_DECORATORS:
            return value
        case Named(after=after):
            if isinstance(value, Function):
                value.named_after = after
            return value
        case Decorator() | HookPoint() | Partial():
            return call(machine, decorator, Arguments([value]), node)
        case Function() | BoundFunction() | Instance() | ClassValue():
            made = call(machine, decorator, Arguments([value]), node)
            return made if not isinstance(made, Data | Constant) else value
        case Data(origin=Origin.HIDDEN, reason=reason):
            return Data(NO_DEPS, Origin.HIDDEN, f"it is decorated by something that cannot be read: {reason}")
    # A decorator from outside calls what it was given, any number of times.
    if isinstance(value, Function | TaskValue | FlowValue):
        value.wrapped = True
    return value


@runs(ast.ClassDef)
def _class(machine: Machine, node: ast.ClassDef) -> int:
    bases = tuple(machine.evaluate(base) for base in node.bases)
    name = qualified(machine, node.name)
    cls = ClassValue(node, machine.frame.module, name, {}, bases)
    frame = machine.frame
    with machine.inner_scope(Scope(machine.scope, prefix=name, is_class=True)) as scope:
        machine.frame = replace(frame, scope=scope, again=[])
        machine.execute(node.body)
        machine.frame = frame
    cls.members.update(scope.names())
    for member in cls.members.values():
        inner = member.fn if isinstance(member, TaskValue | FlowValue) else member
        if isinstance(inner, Function) and inner.owner is None:
            inner.owner = cls
        for accessor in (inner.setter, inner.deleter) if isinstance(inner, Function) else ():
            if accessor is not None and accessor.owner is None:
                accessor.owner = cls
    for base in bases:
        if isinstance(base, ClassValue):
            base.heirs.append(cls)
    machine.scope.bind(node.name, cls)
    _tell_of_class(machine, cls, node)
    return NEXT


def _tell_of_class(machine: Machine, cls: ClassValue, node: ast.ClassDef) -> None:
    """Call what bases and the metaclass want to know of a new class, and give descriptors their names."""
    keywords = {item.arg: machine.evaluate(item.value) for item in node.keywords if item.arg is not None}
    cls.meta = keywords.pop("metaclass", None)
    machine.at = node
    bases = [base for base in cls.bases if isinstance(base, ClassValue)]
    told = next((found for found in (class_member(base, "__init_subclass__") for base in bases) if found), None)
    if isinstance(told, Function):
        call(machine, told, Arguments([cls], keywords), node)
    meta = metaclass_of(cls)
    for name in ("__new__", "__init__") if meta is not None else ():
        making = class_member(meta, name) if meta is not None else None
        if isinstance(making, Function):
            call(machine, making, Arguments([meta or cls, Data(), Data(), Data()], keywords), node)
    for name, member in cls.members.items():
        if isinstance(member, Instance):
            special(machine, member, ("__set_name__",), cls, Constant(name))


# imports


@runs(ast.Import)
def _import(machine: Machine, node: ast.Import) -> int:
    path = machine.frame.module.path
    for alias in node.names:
        first = alias.name.partition(".")[0]
        whole = machine.graph.find(path, 0, alias.name)
        if alias.asname is not None:
            value: Value = whole or External(alias.name)
        elif whole is None:
            value = machine.graph.find(path, 0, first) or External(first)
        else:
            value = machine.graph.find(path, 0, first) or _folder(whole, alias.name)
        machine.scope.bind(alias.asname or first, value)
    return NEXT


def _folder(whole: ModuleRef, dotted: str) -> ModuleRef:
    """The folder without ``__init__.py`` that the first part of a dotted name stands for."""
    place = whole.folder if whole.folder is not None else (whole.path or "").removesuffix(".py")
    up = dotted.count(".")
    return ModuleRef(None, "/".join(place.split("/")[: len(place.split("/")) - up]), dotted.partition(".")[0])


@runs(ast.ImportFrom)
def _import_from(machine: Machine, node: ast.ImportFrom) -> int:
    path, dotted = machine.frame.module.path, node.module or ""
    module = machine.graph.find(path, node.level, dotted)
    for alias in node.names:
        if alias.name == "*":
            _import_star(machine, module, dotted)
            continue
        value: Value | None = Imported(module, alias.name) if module is not None else None
        if value is None:
            inner = f"{dotted}.{alias.name}" if dotted else alias.name
            value = machine.graph.find(path, node.level, inner)
        if value is None:
            value = (
                External(f"{dotted}.{alias.name}")
                if not node.level
                else Data(NO_DEPS, Origin.HIDDEN, f"the module {'.' * node.level}{dotted} is not in the repository")
            )
        machine.scope.bind(alias.asname or alias.name, value)
    return NEXT


def _import_star(machine: Machine, module: ModuleRef | None, dotted: str) -> None:
    if module is None or module.path is None:
        machine.star_import(dotted)
        return
    try:
        names = machine.module_scope(module.path).names()
    except SourceError as error:
        machine.find("module-not-read", error.message, module.path, 1)
        return
    listed = names.get("__all__")
    public = None
    if isinstance(listed, Container) and listed.exact:
        public = {item.value for item in listed.items if isinstance(item, Constant)}
    for name, value in names.items():
        if name in public if public is not None else not name.startswith("_"):
            machine.scope.bind(name, value)
