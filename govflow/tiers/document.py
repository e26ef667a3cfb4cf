"""The tier rule file: its shape, and reading it. What the conditions mean is in :mod:`govflow.tiers.conditions`."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NoReturn

import yaml

from govflow.errors import PolicyError
from govflow.ir.models import Tier

VERSION: Final = 1

Alternative = Mapping[str, Any]
"""Field to condition; all of them hold. ``is`` names terms."""

_SECTIONS: Final = ("lists", "terms", "remove_from_lists", "disabled_rules")
_RULE: Final = ("name", "tier", "reason", "when")
RESERVED: Final = frozenset({"declared", "baseline", "error"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as the file has it; ``when`` holds alternatives, one of which has to hold."""

    name: str
    tier: Tier
    reason: str
    when: tuple[Alternative, ...]
    place: str  # for errors: ``tiers.yaml: rules[2]``


@dataclass(frozen=True, slots=True)
class Document:
    """A rule file, read but not compiled."""

    where: str
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    terms: Mapping[str, tuple[Alternative, ...]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    removed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    disabled: tuple[str, ...] = ()

    def merged(self, other: Document) -> Document:
        """This document with another on top: its rules follow, its list entries are added, its removals applied.

        Raises:
            PolicyError: the other defines a rule or term anew, or removes or disables what is not there.
        """
        for name in other.terms:
            if name in self.terms:
                refuse(f"{other.where}: terms.{name}", f"there is a term {name!r} already", "Give it another name.")
        names = {rule.name for rule in self.rules}
        for rule in other.rules:
            if rule.name in names:
                mend = "Give it another name; list the old one under disabled_rules to take its place."
                refuse(f"{rule.place}.name", f"there is a rule {rule.name!r} already", mend)
        for index, name in enumerate(other.disabled):
            if name not in names:
                refuse_unknown(f"{other.where}: disabled_rules[{index}]", "rule", name, names)
        rules = (*(rule for rule in self.rules if rule.name not in other.disabled), *other.rules)
        return Document(other.where, self._lists(other), {**self.terms, **other.terms}, rules)

    def with_rules(self, rules: Iterable[Rule]) -> Document:
        """This document with these rules.

        Raises:
            PolicyError: two of them share a name.
        """
        made: dict[str, Rule] = {}
        for rule in rules:
            if rule.name in made:
                refuse(f"{rule.place}.name", f"there is a rule {rule.name!r} already", "Give it another name.")
            made[rule.name] = rule
        return replace(self, rules=tuple(made.values()))

    def names_only(self) -> Document:
        """The lists and terms, without the rules."""
        return Document(self.where, self.lists, self.terms)

    def _lists(self, other: Document) -> dict[str, tuple[str, ...]]:
        lists = dict(self.lists)
        for name, values in other.removed.items():
            if name not in lists:
                refuse_unknown(f"{other.where}: remove_from_lists.{name}", "list", name, lists)
            for value in values:
                if value not in lists[name]:
                    refuse_unknown(f"{other.where}: remove_from_lists.{name}", "entry", value, lists[name])
            lists[name] = tuple(value for value in lists[name] if value not in values)
        for name, values in other.lists.items():
            lists[name] = tuple(dict.fromkeys((*lists.get(name, ()), *values)))
        return lists


def read(text: str, where: str) -> Document:
    """Read a rule file and check its shape.

    Raises:
        PolicyError: names the file, the field and the mend.
    """
    try:
        raw = yaml.load(text, _Loader)  # a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        refuse(where, f"not YAML: {' '.join(str(error).split())}", "Correct the syntax.")
    if not isinstance(raw, dict):
        refuse(where, "expected a mapping", f"Start with `version: {VERSION}`.")
    _known(f"{where}: ", raw, ("version", *_SECTIONS, "rules"))
    if type(raw.get("version")) is not int or raw["version"] != VERSION:
        refuse(f"{where}: version", f"expected {VERSION}, found {raw.get('version')!r}", f"Write `version: {VERSION}`.")
    rules = raw.get("rules", [])
    if not isinstance(rules, list):
        refuse(f"{where}: rules", "expected a list", "Write each rule as `- name: ...`.")
    return _sections(raw, f"{where}: ", where).with_rules(
        _rule(f"{where}: rules[{index}]", rule) for index, rule in enumerate(rules)
    )


def of_entries(entries: Sequence[object], where: str) -> Document:
    """Rules as a sequence of values; an entry may also hold sections of the file other than ``rules``.

    Raises:
        PolicyError: names the entry, the field and the mend.
    """
    document, rules = Document(where), []
    for index, entry in enumerate(entries):
        place = f"{where}[{index}]"
        if isinstance(entry, Mapping) and entry and set(entry) <= set(_SECTIONS):
            made = _sections(entry, f"{place}.", where)
            document = replace(
                document,
                lists={**document.lists, **made.lists},
                terms={**document.terms, **made.terms},
                removed={**document.removed, **made.removed},
                disabled=(*document.disabled, *made.disabled),
            )
        else:
            rules.append(_rule(place, entry))
    return document.with_rules(rules)


def refuse(place: str, trouble: str, mend: str) -> NoReturn:
    """Raise the error that names file, field and mend."""
    raise PolicyError(f"{place}: {trouble}", mend=mend, details={"place": place})


def refuse_unknown(place: str, what: str, value: object, known: Collection[str]) -> NoReturn:
    """Refuse a name that is not there, with what was perhaps meant."""
    close = difflib.get_close_matches(str(value), known, n=1)
    meant = f"Did you mean {close[0]!r}? " if close else ""
    refuse(place, f"unknown {what} {value!r}", f"{meant}There are: {', '.join(sorted(known)) or 'none'}.")


def _sections(raw: Mapping[str, Any], place: str, where: str) -> Document:
    """Everything but the rules. ``place`` is what stands before a field's name in an error."""
    return Document(
        where,
        {name: _texts(f"{place}lists.{name}", values) for name, values in _mapping(raw, "lists", place).items()},
        {name: _when(f"{place}terms.{name}", value) for name, value in _mapping(raw, "terms", place).items()},
        (),
        {
            name: _texts(f"{place}remove_from_lists.{name}", values)
            for name, values in _mapping(raw, "remove_from_lists", place).items()
        },
        _texts(f"{place}disabled_rules", raw.get("disabled_rules", [])),
    )


def _rule(place: str, raw: object) -> Rule:
    if not isinstance(raw, Mapping):
        refuse(place, "expected a mapping", "Write name, tier, reason and when.")
    _known(place + ".", raw, _RULE)
    for name in _RULE:
        if name not in raw:
            refuse(f"{place}.{name}", "missing", "Write name, tier, reason and when.")
    for name in ("name", "reason"):
        if not isinstance(raw[name], str) or not raw[name].strip():
            refuse(f"{place}.{name}", "expected text", "Write it in quotes.")
    if raw["name"] in RESERVED:
        refuse(f"{place}.name", f"{raw['name']!r} is reserved", "Give it another name.")
    tier = raw["tier"]
    if type(tier) is not int or tier not in set(Tier):
        refuse(f"{place}.tier", f"unknown tier {tier!r}", "Write 0, 1, 2 or 3.")
    return Rule(raw["name"], Tier(tier), raw["reason"], _when(f"{place}.when", raw["when"]), place)


def _when(place: str, raw: object) -> tuple[Alternative, ...]:
    alternatives = [raw] if isinstance(raw, Mapping) else raw
    if not isinstance(alternatives, list | tuple) or not alternatives:
        refuse(place, "expected a list of alternatives", "Write each as `- field: {operator: value}`.")
    for index, alternative in enumerate(alternatives):
        # An empty alternative would always hold: most likely a condition was forgotten.
        if not isinstance(alternative, Mapping) or not alternative:
            refuse(f"{place}[{index}]", "expected conditions", "Write `field: {operator: value}`.")
    return tuple(alternatives)


def _texts(place: str, raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list | tuple):
        refuse(place, "expected a list", "Write [one, two].")
    for index, value in enumerate(raw):
        if not isinstance(value, str) or not value:
            refuse(f"{place}[{index}]", f"expected text, found {value!r}", "Write it in quotes.")
    return tuple(raw)


def _mapping(raw: Mapping[str, Any], name: str, place: str) -> Mapping[str, Any]:
    value = raw.get(name, {})
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        refuse(place + name, "expected a mapping of names", f"Indent its entries under `{name}:`.")
    return value


def _known(place: str, raw: Mapping[Any, Any], known: tuple[str, ...]) -> None:
    for name in raw:
        if name not in known:
            refuse_unknown(f"{place}{name}", "field", name, known)


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, where YAML lets the last one win unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As the safe loader does, with unique keys."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int | float | bool) or key is None:
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key!r} stands twice", key_node.start_mark
                    )
                seen.add(key)
        return super().construct_mapping(node, deep)
