"""Attributes, elements and iteration of values."""

from __future__ import annotations

import ast
from dataclasses import replace

from govflow.planning.arguments import Arguments
from govflow.planning.effects.fields import field_of
from govflow.planning.effects.objects import of_outside_base, part_of, taken
from govflow.planning.effects.texts import path_attribute
from govflow.planning.inheritance import inherited, outside, runs_when_started
from govflow.planning.joins import deps_of, is_whole, join, made_from
from govflow.planning.machine import Machine
from govflow.planning.special import each_of, special
from govflow.planning.subclassed import kind_of, runnable_of
from govflow.planning.values import (
    NO_DEPS,
    UNNAMED,
    BoundFunction,
    Choice,
    ClassValue,
    Constant,
    Container,
    Data,
    External,
    FlowValue,
    Function,
    HookPoint,
    Instance,
    Method,
    ModuleNames,
    ModuleRef,
    Object,
    Origin,
    PastTask,
    Super,
    TaskValue,
    Text,
    Value,
)
from govflow.planning.vocabulary import CALL_METHODS, FLOW_CLASSES, HOOK_POINTS, TASK_CLASSES

GLOBALS = "the name is looked up in globals()"
_PASSED_ON = (Origin.STEP, Origin.EXTERNAL, Origin.PARAMETER, Origin.HIDDEN)


def attribute(machine: Machine, owner: Value, name: str, node: ast.AST) -> Value:
    """``owner.name``."""
    match owner:
        case ModuleRef():
            return machine.member(owner, name)
        case External(dotted=dotted):
            return External(f"{dotted}.{name}")
        case TaskValue() | FlowValue():
            return _of_runnable(machine, owner, name, node)
        case Instance():
            return _of_instance(machine, owner, name, node)
        case ClassValue():
            return _of_class(owner, name)
        case Super():
            return _of_super(machine, owner, name, node)
        case Choice(options=options):
            return join(attribute(machine, option, name, node) for option in options)
        case Text(path=True):
            return path_attribute(owner, name) or Method(owner, name)
        case Method(receiver=Object() as made, name=taken_name):
            return Method(taken(machine, made, taken_name), name)
        case Method(receiver=Data() as data):
            return Method(_part_of(data, NO_DEPS), name)
        case Container() | Data() | Constant():
            return Method(owner, name)
        case ModuleNames():
            return Method(owner, name) if name == "get" else Data(NO_DEPS, Origin.HIDDEN, GLOBALS)
    return Data(deps_of(owner))


def _of_runnable(machine: Machine, owner: TaskValue | FlowValue, name: str, node: ast.AST) -> Value:
    """What its own class has of that name, else what Prefect's has."""
    own = owner.own
    stored = None if own is None else own.attributes.get(name)
    found = None if own is None or stored is not None else class_member(own.cls, name)
    if own is not None and found is not None:
        return bind(machine, found, own, node)
    return of_engine(owner, name) if stored is None else machine.resolve(stored)


def of_engine(owner: Value, name: str) -> Value:
    """What Prefect's own class gives a task or flow."""
    if isinstance(owner, Choice):
        return join(of_engine(option, name) for option in owner.options)
    if not isinstance(owner, TaskValue | FlowValue):
        return Data()
    if name == "fn":
        return PastTask(owner)
    if name in HOOK_POINTS:
        return HookPoint(owner, name)
    if name in CALL_METHODS or name == "with_options":
        return Method(owner, name)
    if name == "name" and owner.options.name is not None:
        return Constant(owner.options.name)
    return Data()


def _of_instance(machine: Machine, owner: Instance, name: str, node: ast.AST) -> Value:
    stored = owner.attributes.get(name)
    if stored is not None:
        return machine.resolve(stored)
    found = class_member(owner.cls, name)
    if found is None and runs_when_started(bases_outside(owner.cls), name):
        found = class_member(owner.cls, "run")
    if found is None and name == "__dict__":
        return Data(deps_of(owner), Origin.HIDDEN, "the name is looked up in __dict__")
    unnamed = owner.attributes.get(UNNAMED)
    if found is None and unnamed is not None and not isinstance(unnamed, Data | Constant):
        return machine.resolve(unnamed)
    runnable = runnable_of(owner)
    if found is None and runnable is not None:
        return of_engine(runnable, name)
    if found is None:
        field = field_of(machine, owner.cls, name, deps_of(owner))
        if field is not None:
            return field
        given = special(machine, owner, ("__getattr__", "__getattribute__"), Constant(name))
        if given is not None:
            return given
        return Method(of_outside_base(machine, bases_outside(owner.cls), deps_of(owner), owner.cls.qualname), name)
    return bind(machine, found, owner, node)


def _of_super(machine: Machine, owner: Super, name: str, node: ast.AST) -> Value:
    found, receiver = inherited(owner, name), owner.receiver
    if found is None and isinstance(receiver, Instance) and kind_of(receiver.cls) is not None:
        runnable = runnable_of(receiver)
        return Method(owner, name) if runnable is None else of_engine(runnable, name)
    if found is None:
        return Method(of_outside_base(machine, outside(owner), deps_of(receiver), owner.owner.qualname), name)
    if isinstance(receiver, Instance):
        return bind(machine, found, receiver, node)
    return BoundFunction(found, receiver) if isinstance(found, Function) and found.binding == "class" else found


def bind(machine: Machine, found: Value, owner: Instance, node: ast.AST) -> Value:
    """A member of a class, seen through an object."""
    found = machine.resolve(found)
    if isinstance(found, Function):
        if found.binding == "static":
            return found
        if found.binding == "property":
            from govflow.planning.calls import call  # calls need members too

            return call(machine, BoundFunction(found, owner), Arguments(), node)
        return BoundFunction(found, owner.cls if found.binding == "class" else owner)
    if isinstance(found, TaskValue | FlowValue) and found.receiver is None and _takes_self(found):
        return replace(found, receiver=owner)
    if isinstance(found, Instance):
        given = special(machine, found, ("__get__",), owner, owner.cls)
        return found if given is None else given
    return found


def _takes_self(value: TaskValue | FlowValue) -> bool:
    return isinstance(value.fn, Function) and value.fn.owner is not None and value.fn.binding != "static"


def _of_class(owner: ClassValue, name: str) -> Value:
    found = class_member(owner, name)
    if found is None:
        return Data(NO_DEPS, Origin.EXTERNAL)
    if isinstance(found, Function) and found.binding == "class":
        return BoundFunction(found, owner)
    if isinstance(found, TaskValue | FlowValue) and found.receiver is None and _is_of_class(found.fn):
        return replace(found, receiver=owner)
    return found


def _is_of_class(fn: Value) -> bool:
    return isinstance(fn, Function) and fn.binding == "class"


def class_member(cls: ClassValue, name: str) -> Value | None:
    """A member of a class or of its bases in the repository, depth first."""
    stack, seen = [cls], set()
    while stack:
        current = stack.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        if name in current.members:
            return current.members[name]
        stack = [base for base in current.bases if isinstance(base, ClassValue)] + stack
    return None


def metaclass_of(cls: ClassValue) -> ClassValue | None:
    """The metaclass of a class, of the repository: its own or that of a base."""
    stack, seen = [cls], set[int]()
    while stack:
        current = stack.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current.meta, ClassValue):
            return current.meta
        stack.extend(base for base in current.bases if isinstance(base, ClassValue))
    return None


def bases_outside(cls: ClassValue) -> list[Value]:
    """Bases from outside the repository, of a class and of its bases."""
    stack, found = [cls], list[Value]()
    for current in stack:
        stack.extend(base for base in current.bases if isinstance(base, ClassValue) and base not in stack)
        found.extend(base for base in current.bases if isinstance(base, External))
    return found


def element(machine: Machine, owner: Value, index: Value) -> Value:
    """``owner[index]``."""
    if isinstance(owner, Instance) or (isinstance(owner, Object) and owner.cls is not None):
        given = special(machine, owner, ("__getitem__",), index)
        if given is not None:
            return given
    match owner:
        case ModuleNames(module=module):
            if isinstance(index, Constant) and isinstance(index.value, str):
                return machine.member(module, index.value)
            return Data(NO_DEPS, Origin.HIDDEN, GLOBALS)
        case Container(keys=None):
            return _of_sequence(owner, index)
        case Container():
            return _of_mapping(owner, index)
        case Choice(options=options):
            return join(element(machine, option, index) for option in options)
        case Object():
            return part_of(machine, owner, index, _part_of(owner, deps_of(index)))
        case Method(receiver=Object() as made, name=name):
            return element(machine, taken(machine, made, name), index)
        case Data() | Method(receiver=Data()):
            return _part_of(_data(owner), deps_of(index))
        case External(dotted=dotted) if dotted in TASK_CLASSES | FLOW_CLASSES:
            return owner  # Task[P, R]
        case External() | ModuleRef():
            return Data(deps_of(index), Origin.EXTERNAL)
    return made_from(owner, index)


def loaded_module(machine: Machine, name: Value) -> Value:
    """``sys.modules[name]``."""
    if not isinstance(name, Constant) or not isinstance(name.value, str):
        return Data(NO_DEPS, Origin.HIDDEN, "a module whose name is computed is looked up in sys.modules")
    return machine.graph.find(machine.frame.module.path, 0, name.value) or External(name.value)


def _of_sequence(owner: Container, index: Value) -> Value:
    if isinstance(index, Constant) and type(index.value) is int and owner.exact:
        if -len(owner.items) <= index.value < len(owner.items):
            return owner.items[index.value]
        return Data()
    if isinstance(index, Data) and owner.items:
        return join(owner.items)
    return join(owner.items) if owner.items else Data()


def _of_mapping(owner: Container, index: Value) -> Value:
    keys = owner.keys or []
    if isinstance(index, Constant):
        found = [
            item
            for key, item in zip(keys, owner.items, strict=True)
            if not isinstance(key, Constant) or key.value == index.value
        ]
        if found:
            return join(found)
    return join(owner.items) if owner.items else Data()


def iterate(machine: Machine, owner: Value) -> Value:
    """One element of a value that is iterated."""
    if isinstance(owner, Instance) or (isinstance(owner, Object) and owner.cls is not None):
        each = each_of(machine, owner)
        if each is not None:
            return each
    match owner:
        case ModuleNames():
            return Data(NO_DEPS, Origin.HIDDEN, GLOBALS)
        case Container(keys=None):
            return join(owner.items) if owner.items else Data()
        case Container(keys=keys):
            return join(keys or ()) if keys else Data()
        case Choice(options=options):
            return join(iterate(machine, option) for option in options)
        case Object():
            return part_of(machine, owner, None, _part_of(owner, NO_DEPS))
        case Method(receiver=Object() as made, name=name):
            return iterate(machine, taken(machine, made, name))
        case Data() | Method(receiver=Data()):
            return _part_of(_data(owner), NO_DEPS)
        case External():
            return Data(NO_DEPS, Origin.EXTERNAL)
    return made_from(owner)


def _data(value: Value) -> Data:
    inner = value.receiver if isinstance(value, Method) else value
    return inner if isinstance(inner, Data) else Data()


def _part_of(owner: Data, more: frozenset[int]) -> Data:
    origin = owner.origin if owner.origin in _PASSED_ON else Origin.COMPUTED
    return Data(owner.deps | more, origin, owner.reason, whole=owner.whole)


def take_in(owner: Value, *values: Value) -> None:
    """Let data whose content is not known hold these values from here on, as after ``rows["x"] = value``."""
    for part in (owner,) if not isinstance(owner, Choice) else owner.options:
        data = part.receiver if isinstance(part, Method) else part
        if isinstance(data, Data):
            data.deps |= deps_of(*values)
            data.whole = data.whole and is_whole(*values)
        elif isinstance(data, Container):
            data.exact = False
            data.add(join(values))
