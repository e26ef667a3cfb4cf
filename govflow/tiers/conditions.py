"""Conditions of tier rules, compiled to predicates.

Tier rules only raise, so what is not known counts against the step: a condition on an attribute that is missing, or
whose value cannot be compared, *holds*; write ``exists: true`` beside it to ask for the attribute as well. A sequence
holds if one of its items does. ``records`` is the exception: ``None`` means that nobody spoke of records, and no
condition on it holds.

Each alternative is compiled in two halves. The *fixed* half reads what a call site settles (action, provider,
resource, name, environment, records), the *open* half reads attributes. Deciding the fixed half once for a call site
leaves most steps with nothing open, so that a rule about Odoo's models never looks at a pandas task's parameters.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from govflow.tiers.comparisons import COMPARE, MISSING, lookup, number_operand, number_test, value_test
from govflow.tiers.document import Alternative, Document, refuse, refuse_unknown
from govflow.tiers.facts import TierFacts
from govflow.tiers.words import fold, function_name, parts, words

Attributes = Mapping[str, Any]
Open = Callable[[Attributes], bool]
TextTest = Callable[[str], bool]

TEXT_FIELDS: Final = ("action", "domain", "verb", "provider", "resource", "name", "environment")
NUMBER_FIELD: Final = "records"
EARLY: Final = frozenset({"action", "domain", "verb", "provider", "environment"})
"""Fields of which a repository has few values; those of resource and name are as many as its steps."""
ATTRIBUTES: Final = "attributes."
FIELDS: Final = (*TEXT_FIELDS, NUMBER_FIELD, "attributes.<path>", "is")
TEXT_OPERATORS: Final = ("equals", "in", "not_in", "glob", "not_glob", "any_word", "no_word", "any_part")

_PATH: Final = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*")


class Site:
    """The facts without attributes, as rules read them."""

    __slots__ = ("action", "domain", "environment", "name", "provider", "records", "resource", "verb")

    def __init__(self, facts: TierFacts) -> None:
        self.action = facts.action
        # Without a colon there is no verb, so it cannot be a verb that reads.
        self.domain, _, self.verb = facts.action.partition(":")
        self.provider = facts.provider
        self.resource = facts.resource
        self.name = function_name(facts.name)
        self.environment = facts.environment
        self.records = facts.records


@dataclass(frozen=True, slots=True)
class Fixed:
    """A test of one field that a call site settles."""

    field: str
    holds: Callable[[Site], bool]


@dataclass(frozen=True, slots=True)
class Branch:
    """One alternative: all of its tests hold. ``reads`` are the attribute paths of the open ones."""

    fixed: tuple[Fixed, ...] = ()
    open: tuple[Open, ...] = ()
    reads: frozenset[str] = frozenset()

    def alive(self, site: Site) -> bool:
        """Whether its fixed half holds."""
        for test in self.fixed:  # noqa: SIM110  asked a dozen times for each step: a generator would be most of it
            if not test.holds(site):
                return False
        return True

    def narrowed(self, site: Site) -> Branch | None:
        """What is left to ask once :data:`EARLY` is settled; None if that rules it out already."""
        if not all(test.holds(site) for test in self.fixed if test.field in EARLY):
            return None
        return Branch(tuple(test for test in self.fixed if test.field not in EARLY), self.open, self.reads)

    def both(self, other: Branch) -> Branch:
        """Holds where both do."""
        return Branch(self.fixed + other.fixed, self.open + other.open, self.reads | other.reads)


@dataclass(slots=True)
class Compiler:
    """Compiles alternatives against the lists and terms of ``scope``."""

    scope: Document
    _terms: dict[str, tuple[Branch, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, when in self.scope.terms.items():
            # In file order: a term may only use terms above it, so there are no circles.
            self._terms[name] = self.branches(when, f"{self.scope.where}: terms.{name}")

    def branches(self, when: Sequence[Alternative], place: str) -> tuple[Branch, ...]:
        """The alternatives, one of which has to hold."""
        return tuple(branch for index, one in enumerate(when) for branch in self._alternative(one, f"{place}[{index}]"))

    def _alternative(self, alternative: Alternative, place: str) -> list[Branch]:
        """One alternative; terms with alternatives of their own multiply it."""
        made = [Branch()]
        for name, condition in alternative.items():
            if name == "is":
                for term in condition if isinstance(condition, list | tuple) else [condition]:
                    made = [one.both(other) for one in made for other in self._term(term, f"{place}.is")]
            else:
                condition_branch = self._field(name, condition, f"{place}.{name}")
                made = [one.both(condition_branch) for one in made]
        return made

    def _term(self, name: object, place: str) -> tuple[Branch, ...]:
        if not isinstance(name, str) or name not in self._terms:
            refuse_unknown(place, "term", name, self._terms)
        return self._terms[name]

    def _field(self, name: object, condition: object, place: str) -> Branch:
        if not isinstance(condition, Mapping) or not condition:
            refuse(place, "expected {operator: value}", "Write for example {equals: value} or {in: [one, two]}.")
        if name in TEXT_FIELDS:
            return Branch(tuple(self._text_field(str(name), *item, f"{place}.{item[0]}") for item in condition.items()))
        if name == NUMBER_FIELD:
            return Branch(tuple(_number_field(*item, f"{place}.{item[0]}") for item in condition.items()))
        if isinstance(name, str) and name.startswith(ATTRIBUTES):
            path = name.removeprefix(ATTRIBUTES)
            return Branch((), (self._attribute(path, condition, place),), frozenset({path}))
        refuse_unknown(place, "field", name, FIELDS)

    def _text_field(self, name: str, op: object, operand: object, place: str) -> Fixed:
        if op not in TEXT_OPERATORS:
            refuse_unknown(place, "operator", op, TEXT_OPERATORS)
        test = self._text_test(str(op), operand, place)
        return Fixed(name, lambda site: test(getattr(site, name)))

    def _attribute(self, path: str, condition: Mapping[str, object], place: str) -> Open:
        if not _PATH.fullmatch(path):
            refuse(place, f"{path!r} is not a dotted path", "Write names with points between them: values.state.")
        expected = condition.get("exists")
        if "exists" in condition and not isinstance(expected, bool):
            refuse(f"{place}.exists", f"expected true or false, found {expected!r}", "Write true or false.")
        tests = [self._value_test(op, operand, f"{place}.{op}") for op, operand in condition.items() if op != "exists"]
        if expected is False and tests:
            refuse(place, "asks for an attribute to be absent and compares it", "Keep one of the two.")

        def holds(attributes: Attributes) -> bool:
            value = lookup(attributes, path)
            if value is MISSING:
                return expected is not True
            return expected is not False and all(test(value) for test in tests)

        return holds

    def _value_test(self, op: object, operand: object, place: str) -> Callable[[Any], bool]:
        if op in COMPARE:
            return number_test(str(op), operand, place)
        if op in TEXT_OPERATORS:
            return value_test(self._text_test(str(op), operand, place))
        refuse_unknown(place, "operator", op, (*TEXT_OPERATORS, *COMPARE, "exists"))

    def _text_test(self, op: str, operand: object, place: str) -> TextTest:
        """A test of one text."""
        if op in ("equals", "glob", "not_glob"):
            if not isinstance(operand, str):
                refuse(place, f"expected text, found {operand!r}", "Write it in quotes.")
            wanted = fold(operand)
            if op == "equals":
                return lambda text: fold(text) == wanted
            # `*` crosses every sign, `/` and `:` too.
            pattern, positive = re.compile(fnmatch.translate(wanted)), op == "glob"
            return lambda text: (pattern.match(fold(text)) is not None) is positive
        known = frozenset(map(fold, self._list(operand, place)))
        tests: dict[str, TextTest] = {
            "in": lambda text: fold(text) in known,
            "not_in": lambda text: fold(text) not in known,
            "any_word": lambda text: not known.isdisjoint(words(text)),
            "no_word": lambda text: known.isdisjoint(words(text)),
            "any_part": lambda text: not known.isdisjoint(parts(text)),
        }
        return tests[op]

    def _list(self, operand: object, place: str) -> Sequence[str]:
        """A list written out, or ``$name`` of one."""
        if isinstance(operand, str) and operand.startswith("$"):
            if operand[1:] not in self.scope.lists:
                refuse_unknown(place, "list", operand, [f"${name}" for name in self.scope.lists])
            return self.scope.lists[operand[1:]]
        if not isinstance(operand, list | tuple) or not all(isinstance(item, str) and item for item in operand):
            refuse(place, f"expected a list of texts, found {operand!r}", "Write [one, two] or $name of a list.")
        return operand


def _number_field(op: object, operand: object, place: str) -> Fixed:
    if op not in COMPARE:
        refuse_unknown(place, "operator", op, tuple(COMPARE))
    limit, compare = number_operand(operand, place), COMPARE[str(op)]
    return Fixed(NUMBER_FIELD, lambda site: site.records is not None and compare(site.records, limit))
