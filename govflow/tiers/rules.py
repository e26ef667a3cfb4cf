"""Tier rules, compiled: the shipped ones, and those that a user adds.

Example::

    rules = TierRules.default().extended(TierRules.load(text, "tiers.yaml"))
    verdict = rules.judge(TierFacts("data:delete", "duckdb", "warehouse://flights", "purge", "production"))
    verdict.tier  # Tier.HIGH
    verdict.deciding.rule  # 'destructive-action'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from govflow.ir.canonical import canonical_digest
from govflow.ir.models import Tier
from govflow.tiers.conditions import NUMBER_FIELD, TEXT_FIELDS, Attributes, Branch, Compiler, Site
from govflow.tiers.document import VERSION, Document, Rule, of_entries, read, refuse_unknown
from govflow.tiers.facts import TierFacts, TierFinding, TierVerdict

_BASELINE: Final = TierFinding("baseline", Tier.MINIMAL, "every step starts here")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_SHOWN: Final = (*TEXT_FIELDS, NUMBER_FIELD)
_SITES: Final = 4096  # call sites remembered; beyond it all are judged anew, with the same result

_Key = tuple[str, str, str, str, str, int | None, Tier | None, bool]


class _Pending(NamedTuple):
    """A finding, and the alternatives that attributes have to settle; without any, it stands."""

    finding: TierFinding
    branches: tuple[Branch, ...]

    def stands(self, attributes: Attributes) -> bool:
        return not self.branches or any(all(test(attributes) for test in branch.open) for branch in self.branches)


class TierRules:
    """An immutable set of tier rules."""

    __slots__ = (
        "_compiled",
        "_document",
        "_environments",
        "_memo",
        "_narrowed",
        "_production",
        "_scope",
        "digest",
        "reads",
    )

    digest: str
    """``sha256:`` digest of what the rules say; it changes whenever they do."""
    reads: frozenset[str]
    """Attribute paths that any rule reads, for example ``values.state``; :meth:`reads_of` narrows it to a step."""
    _document: Document
    _scope: Document
    _compiled: tuple[tuple[Rule, tuple[Branch, ...]], ...]
    _memo: dict[_Key, tuple[_Pending, ...] | TierVerdict]
    _narrowed: dict[tuple[str, str, str], tuple[tuple[Rule, tuple[Branch, ...]], ...]]
    _production: tuple[Branch, ...]
    _environments: dict[str, bool]

    def __init__(self, document: Document, scope: Document) -> None:
        # Strongest first, so that a verdict needs no sorting; among equals the order of the file.
        ordered = sorted(document.rules, key=lambda rule: -rule.tier)
        compiler = Compiler(scope)
        compiled = []
        for rule in ordered:
            _check_reason(rule)
            compiled.append((rule, compiler.branches(rule.when, f"{rule.place}.when")))
        set_once = super().__setattr__
        set_once("_document", document)
        set_once("_scope", scope)
        set_once("_compiled", tuple(compiled))
        set_once("_memo", {})
        set_once("_narrowed", {})
        set_once("_environments", {})
        set_once("_production", compiler.branches([{"is": "production"}], "terms.production"))
        set_once("reads", frozenset().union(*(branch.reads for _, branches in compiled for branch in branches)))
        set_once("digest", _digest(document, scope))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"tier rules do not change: {name}")

    def __reduce__(self) -> tuple[object, ...]:
        return (TierRules, (self._document, self._scope))

    @classmethod
    def default(cls) -> TierRules:
        """The rules that ship (``govflow/tiers/rules.yaml``)."""
        return _default()

    @classmethod
    def load(cls, text: str, where: str) -> TierRules:
        """Read a rule file. It may use the lists and terms of the shipped one; its rules stand alone until it extends.

        Args:
            text: YAML.
            where: the file's name, for errors.

        Raises:
            PolicyError: names the file, the field and the mend.
        """
        return cls._loaded(read(text, where))

    @classmethod
    def of(cls, entries: Sequence[Mapping[str, Any]], where: str) -> TierRules:
        """Rules given as values, such as the ``tiers`` section of a policy file.

        Args:
            entries: rules, and mappings that hold ``lists``, ``terms``, ``remove_from_lists`` or ``disabled_rules``.
            where: what they are called in an error: ``policy.yaml: tiers``.

        Raises:
            PolicyError: as :meth:`load`.
        """
        return cls._loaded(of_entries(entries, where))

    @classmethod
    def _loaded(cls, document: Document) -> TierRules:
        shipped = _default()._document
        shipped.merged(document)  # what it removes, disables and names has to fit the rules that ship
        unruled = Document(document.where, document.lists, document.terms, (), document.removed)
        return cls(document, shipped.names_only().merged(unruled))

    def extended(self, other: TierRules | Sequence[Mapping[str, Any]], where: str = "tiers") -> TierRules:
        """These rules and others: lists grow, rules are added, what the other disables is left out.

        Args:
            other: rules that were loaded, or entries for :meth:`of`.
            where: what entries are called in an error.

        Raises:
            PolicyError: the other defines a rule or term that is here already, or cannot be used.
        """
        added = other if isinstance(other, TierRules) else TierRules.of(other, where)
        merged = self._document.merged(added._document)
        return TierRules(merged, merged)

    def judge(self, facts: TierFacts) -> TierVerdict:
        """The tier of a step, and every rule that fired.

        Deterministic: the same facts give the same verdict. A declared tier can raise it and never lowers it.
        """
        settled = self._site(facts)
        if isinstance(settled, TierVerdict):
            return settled
        return _verdict(pending.finding for pending in settled if pending.stands(facts.attributes))

    def is_production(self, environment: str) -> bool:
        """Whether these rules take an environment for production; an unknown name is, to be careful with it."""
        known = self._environments.get(environment)
        if known is None:
            site = Site(TierFacts("", "", "", "", environment))
            known = any(branch.alive(site) for branch in self._production)
            if len(self._environments) < _SITES:
                self._environments[environment] = known
        return known

    def reads_of(self, facts: TierFacts) -> frozenset[str]:
        """The attribute paths that judging this step reads: none, for most. ``facts`` may come without attributes."""
        settled = self._site(facts)
        if isinstance(settled, TierVerdict):
            return frozenset()
        return frozenset().union(*(branch.reads for pending in settled for branch in pending.branches))

    def _site(self, facts: TierFacts) -> tuple[_Pending, ...] | TierVerdict:
        """What the call site settles: a verdict where no attribute is read, else findings, some of them pending."""
        key = (
            facts.action,
            facts.provider,
            facts.resource,
            facts.name,
            facts.environment,
            facts.records,
            facts.declared,
            facts.unbounded,
        )
        known = self._memo.get(key)
        if known is None:
            pending = self._settle(facts)
            known = pending if any(one.branches for one in pending) else _verdict(one.finding for one in pending)
            if len(self._memo) >= _SITES:
                self._memo.clear()
            self._memo[key] = known
        return known

    def _narrow(self, site: Site) -> tuple[tuple[Rule, tuple[Branch, ...]], ...]:
        """The rules that action, provider and environment leave open, strongest first."""
        key = (site.action, site.provider, site.environment)
        known = self._narrowed.get(key)
        if known is None:
            pairs = ((rule, [branch.narrowed(site) for branch in branches]) for rule, branches in self._compiled)
            left = ((rule, tuple(branch for branch in branches if branch is not None)) for rule, branches in pairs)
            known = tuple(pair for pair in left if pair[1])
            if len(self._narrowed) < _SITES:
                self._narrowed[key] = known
        return known

    def _settle(self, facts: TierFacts) -> tuple[_Pending, ...]:
        site = Site(facts)
        found: list[_Pending] = []
        for rule, branches in self._narrow(site):
            alive = tuple([branch for branch in branches if branch.alive(site)])
            if alive:
                finding = TierFinding(rule.name, rule.tier, _render(rule.reason, site))
                found.append(_Pending(finding, alive if all(branch.open for branch in alive) else ()))
        if facts.unbounded:
            found.append(_Pending(TierFinding("every-row", Tier.HIGH, f"{facts.action} without WHERE: every row"), ()))
            found.sort(key=lambda one: -one.finding.tier)
        if facts.declared is not None:
            # Behind the rules that are as strong: they tell a person more than a declaration does.
            place = next((i for i, one in enumerate(found) if one.finding.tier < facts.declared), len(found))
            reason = f"declared as tier {int(facts.declared)}"
            found.insert(place, _Pending(TierFinding("declared", facts.declared, reason), ()))
        return (*found, _Pending(_BASELINE, ()))


def _verdict(findings: Iterable[TierFinding]) -> TierVerdict:
    fired = tuple(findings)
    return TierVerdict(fired[0].tier, fired)


def _render(reason: str, site: Site) -> str:
    if "{" not in reason:
        return reason
    return _PLACEHOLDER.sub(lambda match: str(getattr(site, match[1])), reason)


def _check_reason(rule: Rule) -> None:
    """A reason may show the fields of the step; attributes may hold personal data and are not shown."""
    for name in _PLACEHOLDER.findall(rule.reason):
        if name not in _SHOWN:
            refuse_unknown(f"{rule.place}.reason", "field", name, _SHOWN)


def _digest(document: Document, scope: Document) -> str:
    """Of the rules with the lists and terms that they can use; places in files do not count."""
    return canonical_digest(
        {
            "type": f"govflow.tiers/{VERSION}",
            "lists": {name: sorted(values) for name, values in scope.lists.items()},
            "terms": {name: list(when) for name, when in scope.terms.items()},
            "rules": [
                {"name": rule.name, "tier": int(rule.tier), "reason": rule.reason, "when": list(rule.when)}
                for rule in document.rules
            ],
        },
        document.where,
    )


@cache
def _default() -> TierRules:
    document = read(files("govflow.tiers").joinpath("rules.yaml").read_text("utf-8"), "govflow/tiers/rules.yaml")
    return TierRules(document, document)
