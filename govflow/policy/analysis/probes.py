"""Requests that are likely to tell two policies apart: around every rule of both, most of all around what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from govflow.policy.analysis.formulas import Want, Way, atoms_of
from govflow.policy.analysis.globsets import TooLarge, common
from govflow.policy.analysis.solving import Values, solutions
from govflow.policy.analysis.values import near
from govflow.policy.analysis.views import PolicyView, RuleView, target_of
from govflow.policy.analysis.witness import common_resources, request_with, requests_for
from govflow.policy.model import PolicyRequest
from govflow.policy.moments import moment, written_moment

_MOST_VALUES: Final = 8  # around one condition
_MOST_ACTIONS: Final = 24
_MOST_THIRD: Final = 300
_MOST_PAIRS: Final = 5_000  # of a rule that changed and another one
_SOME_RESOURCE: Final = "dataset://example/x"


def probes(before: PolicyView, after: PolicyView, touched: frozenset[str]) -> Iterator[PolicyRequest]:
    """Requests to ask both policies about.

    Args:
        before: one policy.
        after: the other.
        touched: names of rules that are not the same in both.
    """
    old, new = ({rule.name: rule for rule in view.rules} for view in (before, after))
    yield PolicyRequest(frozenset(), "data:read", "python", _SOME_RESOURCE, {})
    rules = [rule for view in (before, after) for rule in view.rules]
    for name in sorted(touched & old.keys() & new.keys()):
        for one, other in ((old[name], new[name]), (new[name], old[name])):
            yield from _apart(one, other)
            for third in rules[:_MOST_THIRD]:
                if third.name != name:
                    yield from _apart_for(one, other, third)
    chosen = [rule for rule in rules if rule.name in touched]
    for rule in chosen:
        yield from _around(rule, _MOST_ACTIONS)
    pairs = ((rule, other) for rule in chosen for other in rules if other.name != rule.name)
    for pair in islice(pairs, _MOST_PAIRS):
        yield from islice(requests_for(pair), 2)
    for rule in rules:
        if rule.name not in touched:
            yield from _around(rule, 2)
    for view in (before, after):
        yield from _excepted(view)
        for action in sorted(frozenset[str]().union(*(rule.registered for rule in view.rules))):
            yield PolicyRequest(frozenset(), action, "python", _SOME_RESOURCE, {})


def _apart(one: RuleView, other: RuleView) -> Iterator[PolicyRequest]:
    """Requests that match the one rule and not the other."""
    base = next(requests_for([one]), None)
    if base is None:
        return
    for pattern in one.resources:
        try:
            text = common([pattern], other.resources)
        except TooLarge:
            text = None
        if text is not None:
            yield from (replace(base, resource=spelled) for spelled in (text, text + "x"))
    for action in sorted(one.registered - other.registered)[:_MOST_ACTIONS]:
        yield replace(base, action=action)
    if other.subjects is not None:
        for subject in sorted(one.subjects - other.subjects) if one.subjects is not None else [None]:
            selectors = frozenset() if subject is None else frozenset({subject})
            yield replace(base, selectors=selectors)
    met, unmet = one.ways(Want.MET), other.ways(Want.UNMET)
    if met is not None and unmet is not None:
        yield from _valued(one, base, met, unmet)


def _apart_for(one: RuleView, other: RuleView, third: RuleView) -> Iterator[PolicyRequest]:
    """Requests that match the one rule and not the other, and a third: what decides where the other is gone."""
    met = [rule.ways(Want.MET) for rule in (one, third)]
    unmet = other.ways(Want.UNMET)
    bases = list(islice(requests_for([one, third]), 2))
    if not bases or unmet is None or None in met:
        return
    ways = [way for way in met if way is not None]
    for values in islice(solutions(*ways, unmet), 2):
        for base in bases:
            yield request_with(values, action=base.action, resource=base.resource, selectors=base.selectors)


def _valued(rule: RuleView, base: PolicyRequest, *ways: tuple[Way, ...]) -> Iterator[PolicyRequest]:
    for values in islice(solutions(*ways), _MOST_VALUES):
        yield request_with(values, action=base.action, resource=base.resource, selectors=base.selectors)


def _around(rule: RuleView, actions: int) -> Iterator[PolicyRequest]:
    """Requests that match, for everybody and for those whom the rule names, and such with one value changed."""
    resources = list(islice(common_resources([rule.resources]), 2))
    met = rule.ways(Want.MET)
    values: list[Values] = [] if met is None else list(islice(solutions(met), 4))
    people = [frozenset[str](), *(frozenset({subject}) for subject in sorted(rule.subjects or ()))]
    for action in sorted(rule.registered)[:actions]:
        for resource in resources:
            for selectors in people:
                for held in values or [{}]:
                    yield request_with(held, action=action, resource=resource, selectors=selectors)
    if not resources or not rule.registered:
        return
    action, selectors = min(rule.registered), people[-1]
    for atom in dict.fromkeys(atoms_of(rule.formula)):
        for value in islice(near(atom), _MOST_VALUES):
            for held in values[:1] or [{}]:
                changed: dict[str, Any] = {**held, atom.path: value}
                yield request_with(changed, action=action, resource=resources[0], selectors=selectors)


def _excepted(view: PolicyView) -> Iterator[PolicyRequest]:
    """Requests for which an exception is, before and after it ends."""
    rules = {rule.name: rule for rule in view.rules}
    for exception in view.document.policy.exceptions:
        rule = rules.get(exception.rule)
        if rule is None:
            continue
        target = target_of(exception, view.document.schema, rule.registered)
        for request in islice(requests_for([rule, target]), 2):
            end = moment(exception.expires)
            for when in (end - timedelta(days=1), end):
                run: Any = request.attributes.get("run", {})
                yield replace(request, attributes={**request.attributes, "run": {**run, "time": written_moment(when)}})


def unique(requests: Iterator[PolicyRequest], most: int) -> Sequence[PolicyRequest]:
    """The first of each, and no more than ``most``."""
    found: dict[tuple[object, ...], PolicyRequest] = {}
    for request in requests:
        key = (request.selectors, request.action, request.provider, request.resource, repr(request.attributes))
        found.setdefault(key, request)
        if len(found) >= most:
            break
    return list(found.values())
