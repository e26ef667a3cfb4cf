"""What a policy of Cedar reads, found in its JSON form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from govflow.policy.cedar import terms
from govflow.policy.cedar.library import Form

SPACES: Final = frozenset({"context", "principal", "resource"})


class ReadsAll(ValueError):
    """A term takes the whole context, so that what it reads is not known."""


def chain_of(term: Any) -> tuple[str, list[str]] | None:
    """The variable and the keys of ``context.run.flow``; ``None`` for any other term."""
    keys: list[str] = []
    while isinstance(term, dict) and "." in term:
        keys.append(term["."]["attr"])
        term = term["."]["left"]
    if isinstance(term, dict) and term.get("Var") in SPACES:
        return term["Var"], keys[::-1]
    return None


@dataclass(frozen=True, slots=True)
class Reads:
    """The attribute paths that policies read."""

    values: frozenset[str]
    probes: frozenset[str]  # of which only the presence is asked

    @property
    def paths(self) -> frozenset[str]:
        """All but those that are only asked for on the way to others: ``run.flow``, and not ``run`` besides."""
        known = self.values | self.probes
        on_the_way = (path for path in self.probes if any(other.startswith(path + ".") for other in known))
        return known - (frozenset(on_the_way) - self.values)


def reads_of(policies: Iterable[Form]) -> Reads:
    """What the policies read.

    Raises:
        ReadsAll: one takes the whole context.
    """
    found = [read for policy in policies for clause in policy["conditions"] for read in _reads(clause["body"])]
    return Reads(
        values=frozenset(path for path, whole in found if whole),
        probes=frozenset(path for path, whole in found if not whole),
    )


def _reads(term: Any) -> Iterator[tuple[str, bool]]:
    if isinstance(term, list):
        for item in term:
            yield from _reads(item)
    if not isinstance(term, dict) or "Value" in term:
        return
    if (chain := chain_of(term)) is not None:
        variable, keys = chain
        if keys:
            yield terms.path_of(variable, keys), True
        elif variable == "context":
            raise ReadsAll("the whole context")
        return
    if "has" in term and (chain := chain_of(term["has"]["left"])) is not None:
        yield terms.path_of(chain[0], [*chain[1], term["has"]["attr"]]), False
        return
    for item in term.values():
        yield from _reads(item)
