"""Whether one attribute can have a value that answers several conditions as wanted.

Values are tried, and the engine's own tests answer. For every kind of value the ones that are tried stand for all
others: numbers for the spans between the operands, lists for the sets of operands that they hold, times for the spans
between moments. Text has no such few: where it is asked by globs the sets of texts are intersected, and by what else is
asked of it (expressions, networks) a lack of an answer found is :data:`PERHAPS` and never a proof.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import Enum
from itertools import combinations, pairwise
from typing import Any, Final

from govflow.policy.analysis.formulas import Atom, Literal, Want
from govflow.policy.analysis.globsets import TooLarge, common
from govflow.policy.attributes import AttributeType
from govflow.policy.cel import CEL
from govflow.policy.moments import moment, written_moment
from govflow.policy.regex import example
from govflow.policy.values import NUMBER, TEXT, kind_of


class Outcome(Enum):
    """What is known where no value was found."""

    NONE = "none"  # there is none: proven
    PERHAPS = "perhaps"  # none was found
    BROKEN = "broken"  # only where nothing can be read at that path, since what stands around it is no mapping


NONE: Final = Outcome.NONE
PERHAPS: Final = Outcome.PERHAPS
BROKEN: Final = Outcome.BROKEN

_FRESH: Final = "other"
_MOST_MEMBERS: Final = 7  # operands of which every set is tried as a list
_SETS: Final = frozenset({"equals", "not_equals", "any_of", "not_any_of"})  # compare text as a whole
_GLOBS: Final = frozenset({"glob", "contains"})
_TIMED: Final = frozenset({"before", "after"})
_POSITIVE: Final = frozenset({Want.MET, Want.NOT_UNMET})


def solve(literals: Sequence[Literal], *, missing: bool = True) -> Any | Outcome:
    """A value that answers each condition as wanted, all of them of one attribute; ``None`` is a missing one.

    Args:
        literals: conditions on one path, each with what it shall come out as.
        missing: whether the attribute may be missing.
    """
    if literals[0][0].operator == CEL:
        return _of_expressions(literals)
    for value in _tried(literals):
        if (value is not None or missing) and satisfies(value, literals):
            return value
    if all(None in want.value for _, want in literals):
        return BROKEN
    return NONE if _no_text(literals) and _few_members(literals) else PERHAPS


def _of_expressions(literals: Sequence[Literal]) -> Outcome:
    """Of expressions in CEL no value is tried; only one that shall be met and not be met at once is ruled out."""
    wanted: dict[Atom, frozenset[Any]] = {}
    for atom, want in literals:
        wanted[atom] = wanted.get(atom, want.value) & want.value
    return PERHAPS if all(wanted.values()) else NONE


def satisfies(value: Any, literals: Sequence[Literal]) -> bool:
    """Whether the value answers each as wanted."""
    return all(atom.answer(value) in want.value for atom, want in literals)


def near(atom: Atom) -> Iterator[Any]:
    """Values on both sides of where the answer of a condition changes, and a missing one."""
    if atom.operator != CEL:
        yield from _tried([(atom, Want.MET)])


def _tried(literals: Sequence[Literal]) -> Iterator[Any]:
    atoms = list(dict.fromkeys(atom for atom, _ in literals))
    operands = [item for atom in atoms for item in _items(atom)]
    declared = atoms[0].attribute
    yield from _texts(atoms, operands, literals)
    yield from _numbers([item for item in operands if kind_of(item) == NUMBER])
    yield from (True, False)
    yield from _lists(operands)
    yield from declared.values
    yield None
    yield from _moments(atoms)
    yield {"of": "another type"}


def _items(atom: Atom) -> list[Any]:
    operand = atom.operand
    return list(operand) if isinstance(operand, list) else [operand]


def _numbers(bounds: Sequence[float]) -> Iterator[float]:
    """Every bound, and one number of each span between two, below and above all. Whole ones where there are."""
    ordered = sorted(set(bounds))
    yield from ordered
    if not ordered:
        yield from (1, 0.5)
        return
    yield ordered[-1] + 1
    yield ordered[0] - 1
    yield from (ordered[-1] + 0.5, ordered[0] - 0.5)
    for low, high in pairwise(ordered):
        whole = int(low // 1) + 1
        if whole < high:
            yield whole
        yield low + (high - low) / 2


def _lists(operands: Sequence[Any]) -> Iterator[list[Any]]:
    members = list({(kind_of(item), item): item for item in operands if kind_of(item) in {TEXT, NUMBER}}.values())
    members += [item for item in (True, False) if any(item is operand for operand in operands)]
    yield []
    yield [_FRESH]
    most = min(len(members), _MOST_MEMBERS)
    for size in range(1, most + 1):
        for chosen in combinations(members[:_MOST_MEMBERS], size):
            yield list(chosen)
    yield members
    yield [0, {}]  # of another type than a list of texts


def _few_members(literals: Sequence[Literal]) -> bool:
    """Whether every list that makes a difference has been tried."""
    if literals[0][0].attribute.type not in {AttributeType.LIST, AttributeType.ANY}:
        return True
    return len({str(item) for atom, _ in literals for item in _items(atom)}) <= _MOST_MEMBERS


def _moments(atoms: Sequence[Atom]) -> Iterator[Any]:
    """Each moment that is named, one between any two, one before and one after all; as text and as a time."""
    named = sorted({moment(atom.operand) for atom in atoms if atom.operator in _TIMED})
    if not named:
        return
    found = list(named)
    for first, second in pairwise(named):
        found.append(first + (second - first) / 2)
    for step, edge in ((-1, named[0]), (1, named[-1])):
        try:
            found.append(edge + timedelta(days=step))
        except OverflowError:  # at the ends of the calendar
            continue
    yield from map(written_moment, found)
    yield from found


def _texts(atoms: Sequence[Atom], operands: Sequence[Any], literals: Sequence[Literal]) -> Iterator[str]:
    yield from (item for item in operands if isinstance(item, str))
    try:
        text = _in_globs(literals)
    except TooLarge:
        text = None
    if text is not None:
        yield text
    for atom in atoms:
        if atom.operator == "matches":
            yield example(atom.operand)
        elif atom.operator == "cidr":
            yield from _addresses(_items(atom))
    yield _unnamed(literals)


def _addresses(networks: Sequence[str]) -> Iterator[str]:
    for written in networks:
        network = ipaddress.ip_network(written)
        yield str(network[min(1, network.num_addresses - 1)])
    yield "203.0.113.7"  # an address of documentation


def _no_text(literals: Sequence[Literal]) -> bool:
    """Whether it is proven that no text outside the operands answers as wanted; those have been tried."""
    declared = literals[0][0].attribute.type
    if declared not in {AttributeType.STRING, AttributeType.ANY, AttributeType.TIME}:
        return True
    rest = []
    for atom, want in literals:
        if atom.operator in _GLOBS | {"matches", "cidr"} | _TIMED and _takes_text(atom):
            rest.append((atom, want))
        elif atom.answer(_unnamed(literals)) not in want.value:
            return True  # no text that is not an operand does
    if _contradict(rest) or not rest:
        return bool(rest)
    return _no_moment(rest) or _no_glob(rest)


def _takes_text(atom: Atom) -> bool:
    return atom.operator != "contains" or isinstance(atom.operand, str)


def _unnamed(literals: Sequence[Literal]) -> str:
    """A text that is no operand."""
    named = {item for atom, _ in literals for item in _items(atom) if isinstance(item, str)}
    text = _FRESH
    while text in named:
        text += "-"
    return text


def _contradict(literals: Sequence[Literal]) -> bool:
    """Whether one test is wanted both ways, which no text gives; one without an answer may be wanted so."""
    met = {(atom.operator, atom.written) for atom, want in literals if want is Want.MET}
    unmet = {(atom.operator, atom.written) for atom, want in literals if want is Want.UNMET}
    always = {(atom.operator, atom.written) for atom, _ in literals if atom.operator in _GLOBS | {"matches"}}
    wanted = {(atom.operator, atom.written) for atom, want in literals if want in _POSITIVE}
    refused = {(atom.operator, atom.written) for atom, want in literals if want not in _POSITIVE}
    clear = (met & refused) | (wanted & unmet)
    return bool(clear or (wanted & refused & always))


def _no_moment(literals: Sequence[Literal]) -> bool:
    """Whether no time answers as wanted, and what is no time does not either."""
    timed = [(atom, want) for atom, want in literals if atom.operator in _TIMED]
    if not timed:
        return False
    atoms = [atom for atom, _ in timed]
    return not any(satisfies(value, timed) for value in [_FRESH, *_moments(atoms)])


def _no_glob(literals: Sequence[Literal]) -> bool:
    """Whether no text is in the globs that it must be in and outside the others."""
    if not any(atom.operator in _GLOBS for atom, _ in literals):
        return False
    try:
        return _in_globs(literals) is None
    except TooLarge:
        return False


def _in_globs(literals: Sequence[Literal]) -> str | None:
    """A text for the globs among the conditions that is no operand; ``None`` if there is none.

    Raises:
        TooLarge: not known.
    """
    inside = [_pattern(atom) for atom, want in literals if atom.operator in _GLOBS and want in _POSITIVE]
    outside = [_pattern(atom) for atom, want in literals if atom.operator in _GLOBS and want not in _POSITIVE]
    if not inside and not outside:
        return _FRESH
    named = {item for atom, _ in literals if atom.operator in _SETS for item in _items(atom) if isinstance(item, str)}
    return common(inside or ["*"], [*outside, *map(_quoted, sorted(named))])


def _pattern(atom: Atom) -> str:
    """The glob that the test is."""
    if atom.operator == "glob":
        return str(atom.operand)
    return f"*{_quoted(str(atom.operand))}*"


def _quoted(text: str) -> str:
    """The glob that matches just this text."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)
