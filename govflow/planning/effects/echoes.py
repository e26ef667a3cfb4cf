"""What a helper does, remembered: called again with arguments that say the same, it does the same."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final

from govflow.planning.arguments import Arguments
from govflow.planning.effects.deeds import Deeds
from govflow.planning.values import Choice, Constant, Container, Data, Deps, External, Function, Object, Text, Value

_DEEPEST: Final = 3
_WIDEST: Final = 40


@dataclass(slots=True, eq=False)
class Echo:
    """What one reading of a function found. The function is held: ids of what it holds stay its own."""

    function: Function
    deeds: Deeds
    result: Value


class Echoes:
    """Readings of functions that make no steps, by function and arguments."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Echo] = {}

    def get(self, key: Hashable | None) -> Echo | None:
        """An earlier reading."""
        return None if key is None else self._known.get(key)

    def keep(self, key: Hashable | None, function: Function, deeds: Deeds, result: Value) -> None:
        """Remember a reading, if its result can be given again."""
        if key is not None and _said(result, 0) is not None:
            self._known[key] = Echo(function, deeds, result)

    def key_of(self, function: Function, given: Arguments, *, recording: bool) -> Hashable | None:
        """What stands for such a call; None where an argument is too much to compare."""
        said: list[Hashable] = [id(function.node), id(function.scope), recording]
        for name, value in (
            *((None, item) for item in given.positional),
            *given.keywords.items(),
            *(("", item) for item in given.rest),
        ):
            found = _said(value, 0)
            if found is None:
                return None
            said.append((name, found))
        return tuple(said)


def _said(value: Value, depth: int) -> Hashable | None:
    """What a value says apart from the steps that it was made from; None if that cannot be compared."""
    if isinstance(value, Constant):
        try:
            hash(value.value)
        except TypeError:
            return None
        return (type(value.value), value.value)
    if isinstance(value, Text):
        return ("text", value.parts, value.path)
    if isinstance(value, Object):
        inner = [(name, _said(item, depth + 1)) for name, item in value.given.items()] if depth < _DEEPEST else []
        if any(item is None for _, item in inner):
            return None
        return ("object", value.kind, value.made, value.provider, value.origin, value.tame, id(value.cls), tuple(inner))
    if isinstance(value, Data):
        return ("data", value.origin, value.reason)
    if isinstance(value, External):
        return ("external", value.dotted)
    if isinstance(value, Choice | Container) and depth < _DEEPEST:
        items = value.options if isinstance(value, Choice) else (*value.items, *(value.keys or ()))
        if len(items) > _WIDEST:
            return None
        inside = [_said(item, depth + 1) for item in items]
        if any(item is None for item in inside):
            return None
        shape = (value.exact, value.keys is None, value.swallows) if isinstance(value, Container) else ()
        return (type(value).__name__, shape, tuple(inside))
    return None


def tells_more(value: Value) -> bool:
    """Whether a result says more than which steps it was made from."""
    if isinstance(value, Choice):
        return any(map(tells_more, value.options))
    if isinstance(value, Container):
        return any(map(tells_more, value.items))
    return isinstance(value, Text | Object | External) or (
        isinstance(value, Constant) and isinstance(value.value, str | bytes)
    )


def with_deps(value: Value, deps: Deps, *, whole: bool) -> Value:
    """The same result, made from other steps; ``whole`` if all of those are known."""
    if isinstance(value, Data):
        return replace(value, deps=deps, direct=frozenset(), whole=value.whole and whole)
    if isinstance(value, Choice):
        return Choice(tuple(with_deps(option, deps, whole=whole) for option in value.options))
    if isinstance(value, Container):
        return replace(value, items=[with_deps(item, deps, whole=whole) for item in value.items])
    return value
