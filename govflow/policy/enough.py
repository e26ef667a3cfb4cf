"""Whether there are enough people: distinct ones for every place that an approval rule has to fill."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

from govflow.policy.seating import Seating
from govflow.policy.ways import Option, TooManyWays, can_be_filled

MOST_WAYS: Final = 1000
"""Ways of choosing a group in each stage where any will do; with more of them they are not looked at one by one."""

_USER: Final = "user:"


@dataclass(frozen=True, slots=True)
class Places:
    """A group: so many of these people."""

    approvers: tuple[str, ...]
    required: int


@dataclass(frozen=True, slots=True)
class Waited:
    """A stage that is waited for."""

    groups: tuple[Places, ...]
    any: bool = False  # one of its groups is enough


@dataclass(frozen=True, slots=True)
class Lack:
    """Too few people."""

    needed: int  # places to fill
    found: int  # of them, how many can be filled at most
    unknown: bool = False  # nobody knows: there are too many ways to choose groups


def lack(
    stages: Iterable[Waited],
    known: Mapping[str, frozenset[str]],
    out: frozenset[str],
    is_judged: Callable[[str], bool],
    key: Callable[[str], str],
) -> Lack | None:
    """What is lacking in the people whom the stages name; None where nothing is, or nobody can know.

    Where there are too many ways to choose groups for it to be found out, it is taken to be lacking.

    Args:
        stages: those that are waited for.
        known: people by name, each with roles and groups as selectors.
        out: keys of people who never count.
        is_judged: whether everybody is known whom a selector names. A group with one of which that is not true may be
            filled by people whom nobody has listed.
        key: the same for all spellings of one person.
    """
    ways: list[list[tuple[Places, ...]]] = []
    for stage in stages:
        groups = [group for group in stage.groups if all(map(is_judged, group.approvers))]
        if not stage.any:
            ways.append([tuple(groups)])
        elif len(groups) == len(stage.groups):
            ways.append([(group,) for group in groups])
    if prod(map(len, ways)) > MOST_WAYS:
        return _of_many(ways, known, out, key)
    worst: Lack | None = None
    for chosen in itertools.product(*ways):
        found = _way(list(itertools.chain.from_iterable(chosen)), known, out, key)
        if found is None:
            return None
        if worst is None or found.needed - found.found < worst.needed - worst.found:
            worst = found
    return worst


def _of_many(
    ways: Sequence[Sequence[tuple[Places, ...]]],
    known: Mapping[str, frozenset[str]],
    out: frozenset[str],
    key: Callable[[str], str],
) -> Lack | None:
    """The same where there are too many ways for looking at each; what is told is told of the fewest places."""
    groups = [group for stage in ways for way in stage for group in way]
    people = _people(groups, known, out, key)

    def option(group: Places) -> Option:
        named = set(group.approvers)
        return Option(frozenset(person for person, held in people.items() if held & named), group.required)

    choices = [[option(way[0]) for way in stage] for stage in ways if len(stage) > 1]
    choices += [[option(group)] for stage in ways if len(stage) == 1 for group in stage[0]]
    try:
        if can_be_filled(choices):
            return None
    except TooManyWays:
        return Lack(sum(min(one.required for one in choice) for choice in choices), 0, unknown=True)
    fewest = [min(stage, key=lambda way: sum(group.required for group in way)) for stage in ways]
    return _way(list(itertools.chain.from_iterable(fewest)), known, out, key)


def _people(
    groups: Iterable[Places], known: Mapping[str, frozenset[str]], out: frozenset[str], key: Callable[[str], str]
) -> dict[str, set[str]]:
    """Everybody who counts, by key, with the selectors of all spellings together."""
    people: dict[str, set[str]] = {}
    for name, selectors in known.items():
        people.setdefault(key(name), set()).update({f"{_USER}{name}", *selectors})
    for approver in (one for group in groups for one in group.approvers if one.startswith(_USER)):
        people.setdefault(key(approver.removeprefix(_USER)), set()).add(approver)
    return {person: held for person, held in people.items() if person not in out}


def _way(
    groups: Sequence[Places], known: Mapping[str, frozenset[str]], out: frozenset[str], key: Callable[[str], str]
) -> Lack | None:
    seating = Seating([group.required for group in groups])
    for held in _people(groups, known, out, key).values():
        seating.add([number for number, group in enumerate(groups) if held & set(group.approvers)])
    needed = sum(group.required for group in groups)
    return Lack(needed, needed - seating.free) if seating.free else None
