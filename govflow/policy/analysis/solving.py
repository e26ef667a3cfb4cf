"""Whether conditions on several attributes can come out as wanted together.

Attributes are taken for independent of each other. Some are not (``resource`` and ``resource.scheme``), so a way that
is found may not exist, and a way that is ruled out does not: what is proven here holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from govflow.policy.analysis.formulas import Literal, TooMany, Way, joined
from govflow.policy.analysis.values import BROKEN, NONE, PERHAPS, Outcome, solve

Values = Mapping[str, Any]
"""A value for each path; ``None``: it is missing."""


def impossible(*choices: tuple[Way, ...], missing: bool = True) -> bool:
    """Whether it is proven that no request takes one way of each of the choices.

    Args:
        choices: for each formula the ways to what is wanted of it.
        missing: whether attributes may be missing.
    """
    try:
        found = joined(choices)
    except TooMany:
        return False
    return all(_impossible(way, missing) for way in found)


def solutions(*choices: tuple[Way, ...]) -> Iterator[Values]:
    """Values under which each formula comes out as wanted, as far as they were found; one for each way."""
    try:
        found = joined(choices)
    except TooMany:
        return
    for way in found:
        values: dict[str, Any] = {}
        for path, literals in by_path(way):
            value = _solved(literals, True)
            if isinstance(value, Outcome):
                break
            values[path] = value
        else:
            yield values


def by_path(way: Way) -> Iterator[tuple[str, tuple[Literal, ...]]]:
    """What is wanted of each attribute."""
    if len(way) == 1:
        yield way[0][0].path, way
        return
    grouped: dict[str, list[Literal]] = {}
    for literal in way:
        grouped.setdefault(literal[0].path, []).append(literal)
    for path, literals in grouped.items():
        yield path, tuple(dict.fromkeys(literals))


def _impossible(way: Way, missing: bool) -> bool:
    return any(_solved(literals, missing) is NONE for _, literals in by_path(way))


@lru_cache(maxsize=32_768)
def _kept(literals: tuple[Literal, ...], missing: bool) -> Any | Outcome:
    return solve(literals, missing=missing)


def _solved(literals: Sequence[Literal], missing: bool) -> Any | Outcome:
    return _kept(tuple(literals), missing)


__all__ = ["BROKEN", "NONE", "PERHAPS", "Values", "by_path", "impossible", "solutions"]
