"""Arguments of a call, and how a signature takes them."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from pydantic import JsonValue

from govflow.planning.bound_names import parameters
from govflow.planning.joins import deps_of, join
from govflow.planning.values import Constant, Container, Data, Deps, Function, Value

_LARGEST = 2**53 - 1  # beyond it an integer has no canonical form


@dataclass(slots=True)
class Arguments:
    """Values given at a call. ``rest`` holds those whose parameter is not known: ``*unknown``, ``**unknown``."""

    positional: list[Value] = field(default_factory=list)
    keywords: dict[str, Value] = field(default_factory=dict)
    rest: list[Value] = field(default_factory=list)

    def values(self) -> list[Value]:
        """Every value given."""
        return [*self.positional, *self.keywords.values(), *self.rest]

    def deps(self) -> Deps:
        """Steps that the arguments were made from."""
        return deps_of(*self.values())

    def first(self) -> Value:
        """The first positional argument, or unknown data."""
        return self.positional[0] if self.positional else Data(self.deps())

    def without(self, *names: str) -> Arguments:
        """The same arguments without these keywords."""
        if self.keywords.keys().isdisjoint(names):
            return self
        kept = {name: value for name, value in self.keywords.items() if name not in names}
        return Arguments(self.positional, kept, self.rest)

    def before(self, *values: Value) -> Arguments:
        """The same arguments after some more positional ones."""
        return Arguments([*values, *self.positional], self.keywords, self.rest)


@dataclass(frozen=True, slots=True)
class Signature:
    """What calls ask of a signature again and again."""

    slots: tuple[str, ...]  # that a positional argument can fill
    named: frozenset[str]  # that a keyword can fill
    rank: Mapping[str, int]  # in the order of the source
    names: tuple[str, ...]  # of every parameter


@lru_cache(maxsize=4096)
def signature_of(arguments: ast.arguments) -> Signature:
    """The names of a signature, each question answered once."""
    slots = tuple(argument.arg for argument in (*arguments.posonlyargs, *arguments.args))
    keyword_only = [argument.arg for argument in arguments.kwonlyargs]
    rank = {name: index for index, name in enumerate((*slots, *keyword_only))}
    return Signature(slots, frozenset(rank), rank, tuple(argument.arg for argument in parameters(arguments)))


@lru_cache(maxsize=4096)
def _shape_of(
    arguments: ast.arguments, count: int, keywords: tuple[str, ...], *, method: bool
) -> tuple[tuple[str, int], ...] | None:
    """The parameters that so many positional arguments and these keywords give, as :func:`names_given` lists them.

    Each with the number of its value, positional ones first; None if ``*`` or ``**`` take some values together.
    """
    marks: list[Value] = [Data() for _ in range(count + len(keywords))]
    given = Arguments(marks[:count], dict(zip(keywords, marks[count:], strict=True)))
    numbers = {id(mark): number for number, mark in enumerate(marks)}
    found = [(name, numbers.get(id(mark))) for name, mark in _names_given(arguments, given, method=method).items()]
    known = tuple((name, number) for name, number in found if number is not None)
    return known if len(known) == len(found) else None


def bind_arguments(function: Function, given: Arguments) -> dict[str, Value]:
    """Values by parameter name, for the parameters that the call gives; in the order of the signature."""
    return _bind(function.node.args, given)


def _bind(signature: ast.arguments, given: Arguments) -> dict[str, Value]:
    known = signature_of(signature)
    bound: dict[str, Value] = dict(zip(known.slots, given.positional, strict=False))
    extra = given.positional[len(known.slots) :]
    loose: dict[str, Value] = {}
    for name, value in given.keywords.items():
        (bound if name in known.named else loose)[name] = value
    if signature.vararg is not None and (extra or given.rest):
        bound[signature.vararg.arg] = Container([*extra, *given.rest], exact=not given.rest)
    if signature.kwarg is not None and (loose or given.rest):
        keys: list[Value] = [Constant(name) for name in loose]
        bound[signature.kwarg.arg] = Container(
            [*loose.values(), *given.rest], [*keys, *(Data() for _ in given.rest)], exact=not given.rest
        )
    return bound


def fill_parameters(function: Function, given: Arguments) -> dict[str, Value]:
    """A value for every parameter: given, by default, or one of those whose parameter is not known."""
    signature = function.node.args
    bound = bind_arguments(function, given)
    slots = [argument.arg for argument in (*signature.posonlyargs, *signature.args)]
    defaults = dict(zip(slots[len(slots) - len(function.defaults) :], function.defaults, strict=True))
    for argument, value in zip(signature.kwonlyargs, function.keyword_defaults, strict=True):
        if value is not None:
            defaults[argument.arg] = value
    for name in (*slots, *(argument.arg for argument in signature.kwonlyargs)):
        if name not in bound:
            options = [defaults.get(name), *given.rest]
            bound[name] = join(options) if any(option is not None for option in options) else Data()
    if signature.vararg is not None and signature.vararg.arg not in bound:
        bound[signature.vararg.arg] = Container([])
    if signature.kwarg is not None and signature.kwarg.arg not in bound:
        bound[signature.kwarg.arg] = Container([], [])
    return bound


def names_given(function: Value, given: Arguments, *, method: bool) -> dict[str, Value]:
    """Parameter names and values as a plan lists them: ``**`` spread out, no ``self``."""
    if not isinstance(function, Function):
        return dict(given.keywords)
    signature = function.node.args
    if not given.rest:
        shape = _shape_of(signature, len(given.positional), tuple(given.keywords), method=method)
        if shape is not None:
            values = given.values()
            return {name: values[number] for name, number in shape}
    return _names_given(signature, given, method=method)


def _names_given(signature: ast.arguments, given: Arguments, *, method: bool) -> dict[str, Value]:
    bound = _bind(signature, given.before(Data()) if method else given)
    known = signature_of(signature)
    if method and known.slots:
        bound.pop(known.slots[0], None)
    if signature.kwarg is not None and signature.kwarg.arg in bound and not given.rest:
        inner = bound.pop(signature.kwarg.arg)
        if isinstance(inner, Container):
            for key, value in zip(inner.keys or (), inner.items, strict=True):
                if isinstance(key, Constant):
                    bound[str(key.value)] = value
    if len(bound) < 2:
        return bound
    last = len(known.rank)
    return dict(sorted(bound.items(), key=lambda item: (known.rank.get(item[0], last), item[0])))


def literals(bound: dict[str, Value], *, mapped: bool) -> dict[str, JsonValue]:
    """Those of the arguments that are literals, as JSON. Of a mapped call, only what is the same for each element."""
    found: dict[str, JsonValue] = {}
    for name, value in bound.items():
        if type(value) is Data:  # most are: the result of another step
            continue
        if mapped and isinstance(value, Container):
            continue
        known, literal = _literal(value)
        if known:
            found[name] = literal
    return found


def _literal(value: Value, depth: int = 0) -> tuple[bool, JsonValue]:
    if depth > 20:
        return False, None
    if isinstance(value, Constant):
        return _scalar(value.value)
    if isinstance(value, Container) and value.exact:
        parts = [_literal(item, depth + 1) for item in value.items]
        if not all(known for known, _ in parts):
            return False, None
        if value.keys is None:
            return True, [literal for _, literal in parts]
        if all(isinstance(key, Constant) and isinstance(key.value, str) for key in value.keys):
            names = [str(key.value) for key in value.keys if isinstance(key, Constant)]
            return True, dict(zip(names, (literal for _, literal in parts), strict=True))
    return False, None


def _scalar(value: object) -> tuple[bool, JsonValue]:
    if value is None or isinstance(value, bool):
        return True, value
    if isinstance(value, int):
        return abs(value) <= _LARGEST, value if abs(value) <= _LARGEST else None
    if isinstance(value, float):
        return math.isfinite(value), value if math.isfinite(value) else None
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value), value
    return False, None
