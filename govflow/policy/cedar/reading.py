"""Terms of Cedar as conditions of a rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from govflow.policy.cedar import terms
from govflow.policy.cedar.library import Form
from govflow.policy.cedar.reads import chain_of

Conditions = dict[str, Any]

_TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ORDER: Final = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_TIMED: Final = {"<": ("before", False), ">=": ("before", True), ">": ("after", False), "<=": ("after", True)}


class NotOurs(ValueError):
    """No rule can say it. ``args``: what it is, and the mend."""


def conjuncts(term: Form) -> list[Form]:
    """What ``&&`` joins at the top of a term."""
    return _flat(term, "&&")


def alternatives(term: Form) -> list[Form]:
    """What ``||`` joins at the top of a term."""
    return _flat(term, "||")


def _flat(term: Form, operator: str) -> list[Form]:
    held = term.get(operator)
    return [*_flat(held["left"], operator), *_flat(held["right"], operator)] if held else [term]


def glob_of(term: Form, path: str) -> str | None:
    """The glob that the attribute is matched with, if that is all that the term does."""
    held = term.get("like")
    if not held or _path(held["left"]) != path:
        return None
    return "".join("*" if piece == terms.WILDCARD else _escaped(piece["Literal"]) for piece in held["pattern"])


def _escaped(text: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in text)


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads terms where a missing attribute counts as met (``restricts``), or as not met."""

    restricts: bool

    def all_of(self, found: Sequence[Form], *, negated: bool = False) -> list[Conditions]:
        """Terms that must all hold; ``negated``: of which one must not."""
        parts = [one for one in map(self.condition, self._needed(found)) if one]
        parts = self._without_presence(parts, wanted=True) if not self.restricts else parts
        if not negated:
            return parts
        if not parts:
            raise NotOurs("it never applies", "Remove it.")
        return [{"not": parts[0] if len(parts) == 1 else {"all": parts}}]

    def condition(self, term: Form) -> Conditions:
        """One term; empty if it always holds."""
        if "&&" in term:
            parts = self.all_of(conjuncts(term))
            return parts[0] if len(parts) == 1 else {"all": parts} if parts else {}
        if "||" in term:
            parts = [self.condition(one) for one in alternatives(term)]
            if not all(parts):
                return {}
            parts = self._without_presence(parts, wanted=False) if self.restricts else parts
            return parts[0] if len(parts) == 1 else {"any": parts}
        if "!" in term:
            return self._negated(term["!"]["arg"])
        if "has" in term:
            return {_presence(term): {"exists": True}}
        if term == terms.value(True):
            return {}
        return _test(term)

    def _negated(self, term: Form) -> Conditions:
        found = self._needed(conjuncts(term))
        if len(found) == 1 and "has" in found[0]:
            return {_presence(found[0]): {"exists": False}}
        inner = Reading(not self.restricts).condition(term)
        if not inner:
            raise NotOurs("it never applies", "Remove it.")
        return {"not": inner}

    def _needed(self, found: Sequence[Form]) -> list[Form]:
        """Without ``context has run`` beside ``context.run has flow``, which says it too."""
        probes = {_presence(term) for term in found if "has" in term}
        return [
            term
            for term in found
            if "has" not in term or not any(other.startswith(_presence(term) + ".") for other in probes)
        ]

    def _without_presence(self, parts: list[Conditions], *, wanted: bool) -> list[Conditions]:
        """Without the presence that a test of the same attribute demands anyway, by the law of missing attributes."""
        tested = {path for part in parts for path, tests in part.items() if "exists" not in tests}
        said = {"exists": wanted}
        return [part for part in parts if not any(path in tested and tests == said for path, tests in part.items())]


def _presence(term: Form) -> str:
    held = term["has"]
    chain = chain_of(held["left"])
    if chain is None:
        raise _unknown(term)
    return terms.path_of(chain[0], [*chain[1], held["attr"]])


def _path(term: Form) -> str | None:
    chain = chain_of(term)
    return terms.path_of(*chain) if chain and chain[1] else None


def _test(term: Form) -> Conditions:
    if (path := _path(term)) is not None:
        return {path: {"equals": True}}
    if len(term) != 1:
        raise _unknown(term)
    operator, held = next(iter(term.items()))
    read = _READERS.get(operator)
    if read is None or not isinstance(held, dict):
        raise _unknown(term)
    found = read(operator, held)
    if found is None:
        raise _unknown(term)
    return found


def _like(operator: str, held: Form) -> Conditions | None:
    path = _path(held["left"])
    if path is None:
        return None
    pattern = ["*" if piece == terms.WILDCARD else piece["Literal"] for piece in held["pattern"]]
    literal = all(piece != terms.WILDCARD for piece in held["pattern"])
    if literal:
        return {path: {"equals": "".join(pattern)}}
    return {path: {"glob": glob_of({"like": held}, path)}}


def _equal(operator: str, held: Form) -> Conditions | None:
    path, value = _path(held["left"]), held["right"]
    if path is None:
        path, value = _path(held["right"]), held["left"]
    literal = value.get("Value")
    if path is None or not isinstance(literal, str | int):
        return None
    return {path: {"equals" if operator == "==" else "not_equals": literal}}


def _compared(operator: str, held: Form) -> Conditions | None:
    path, value = _path(held["left"]), held["right"]
    if path is None:
        path, value, operator = _path(held["right"]), held["left"], _TURNED[operator]
    if path is None:
        return None
    if "datetime" in value and "Value" in value["datetime"][0]:
        name, negated = _TIMED[operator]
        test = {path: {name: value["datetime"][0]["Value"]}}
        return {"not": test} if negated else test
    literal = value.get("Value")
    if not isinstance(literal, int) or isinstance(literal, bool):
        return None
    return {path: {_ORDER[operator]: literal}}


def _member(operator: str, held: Form) -> Conditions | None:
    left, right = held["left"], held["right"]
    if (path := _path(left)) is not None:
        listed = _literals(right) if operator == "containsAny" else None
        if listed:
            return {path: {"any_of": listed}}
        literal = right.get("Value")
        if operator == "contains" and isinstance(literal, str | int):
            return {path: {"contains": literal}}
    if operator == "contains" and (path := _path(right)) is not None and (listed := _literals(left)):
        return {path: {"any_of": listed}}
    return None


def _literals(term: Form) -> list[Any]:
    items = [item.get("Value") for item in term.get("Set", ())]
    return items if all(isinstance(item, str | int) for item in items) else []


_READERS: Final[dict[str, Callable[[str, Form], Conditions | None]]] = {
    "like": _like,
    **dict.fromkeys(("==", "!="), _equal),
    **dict.fromkeys(_TURNED, _compared),
    **dict.fromkeys(("contains", "containsAny"), _member),
}


def _unknown(term: Form) -> NotOurs:
    named = next(iter(term))
    return NotOurs(
        f"no rule can say what stands at {named!r} in one of its clauses",
        "Compare one attribute with literals: ==, !=, <, <=, >, >=, like, has, contains, containsAny, &&, ||, !.",
    )
