"""What values are made of: joined, taken apart, and what they depend on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from govflow.planning.values import (
    NO_DEPS,
    NONE,
    BoundFunction,
    Choice,
    ClassValue,
    Constant,
    Container,
    Data,
    Decorator,
    Deps,
    External,
    FlowValue,
    Function,
    HookPoint,
    Imported,
    Instance,
    Method,
    ModuleNames,
    ModuleRef,
    Origin,
    Partial,
    PastTask,
    Super,
    TaskValue,
    Value,
    key_of,
)

_WIDEST_CHOICE: Final = 64
_DEEPEST_LOOK: Final = 20  # containers inside containers


def join(values: Iterable[Value | None]) -> Value:
    """The value that may be any of these."""
    flat: list[Value] = []
    seen: set[object] = set()
    deps: Deps = NO_DEPS
    direct: Deps | None = None
    whole = True
    plain: set[Origin] = set()
    for value in _flatten(values):
        key = key_of(value)
        if key in seen:
            continue
        seen.add(key)
        if type(value) is Data and not value.reason and value.origin is not Origin.PARAMETER:
            deps |= value.deps
            direct = value.direct if direct is None else direct & value.direct
            whole = whole and value.whole
            plain.add(value.origin)
        else:
            flat.append(value)
    if plain:
        origin = Origin.STEP if Origin.STEP in plain else min(plain, key=lambda item: item.value)
        flat.append(Data(deps, origin, direct=direct or NO_DEPS, whole=whole))
    if len(flat) == 1:
        return flat[0]
    return Choice(tuple(flat[:_WIDEST_CHOICE])) if flat else NONE


def _flatten(values: Iterable[Value | None]) -> Iterator[Value]:
    for value in values:
        if isinstance(value, Choice):
            yield from value.options
        elif value is not None:
            yield value


def parts(value: Value) -> Iterator[Value]:
    """A value and everything inside it, each once."""
    stack, seen = [value], set()
    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        match item:
            case Container():
                stack.extend(item.items)
                stack.extend(item.keys or ())
            case Choice():
                stack.extend(item.options)
            case Partial():
                stack.extend((item.target, *item.positional, *(value for _, value in item.keywords)))
            case Method() | BoundFunction() | Super():
                stack.append(item.receiver)
            case Instance():
                stack.extend(item.attributes.values())


def deps_of(*values: Value) -> Deps:
    """Steps that any of these values was made from."""
    each: list[Deps] = []
    for value in values:
        if isinstance(value, Data):
            if value.deps:
                each.append(value.deps)
        elif not isinstance(value, Constant):
            each.extend(part.deps for part in parts(value) if isinstance(part, Data) and part.deps)
    if not each:
        return NO_DEPS
    return each[0] if len(each) == 1 else NO_DEPS.union(*each)


def is_whole(*values: Value) -> bool:
    """Whether everything that these values were made from is known, so that no step is behind them but their own."""
    for value in values:
        if isinstance(value, Data):
            if not value.whole:
                return False
        elif not isinstance(value, Constant) and not all(map(_is_whole_part, parts(value))):
            return False
    return True


def _is_whole_part(part: Value) -> bool:
    return part.whole if isinstance(part, Data) else not isinstance(part, External | Imported | ModuleRef | ModuleNames)


def made_from(*values: Value) -> Data:
    """What an operator makes of values: the steps behind them are behind it."""
    return Data(deps_of(*values), whole=is_whole(*values))


def direct_deps(*values: Value, depth: int = 0) -> Deps:
    """Steps whose very future, state or result these values are or hold, on every path.

    An engine that looks through its arguments finds these, and no other step that a value was made from.
    """
    found: Deps = NO_DEPS
    for value in values:
        if isinstance(value, Data):
            if value.direct:
                found = found | value.direct if found else value.direct
        elif isinstance(value, Container) and value.exact and depth < _DEEPEST_LOOK:
            found |= direct_deps(*value.items, depth=depth + 1)
        elif isinstance(value, Choice):
            each = [direct_deps(option, depth=depth + 1) for option in value.options]
            found |= frozenset.intersection(*each) if each else NO_DEPS
    return found


CALLABLE = (
    TaskValue,
    FlowValue,
    PastTask,
    Function,
    BoundFunction,
    Partial,
    Decorator,
    ClassValue,
    Instance,
    HookPoint,
    ModuleNames,
)


def runnable_in(value: Value) -> TaskValue | FlowValue | None:
    """The first task or flow inside a value."""
    for part in parts(value):
        if isinstance(part, TaskValue | FlowValue):
            return part
    return None


def holds_callable(value: Value) -> bool:
    """Whether calling something inside this value could matter to the plan."""
    if isinstance(value, Constant):
        return False
    if isinstance(value, Data):
        return value.origin is Origin.HIDDEN
    return any(
        isinstance(part, CALLABLE) or (isinstance(part, Data) and part.origin is Origin.HIDDEN) for part in parts(value)
    )
