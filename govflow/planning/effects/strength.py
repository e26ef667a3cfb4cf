"""Which effect of a step counts: the strongest, by the tier rules that ship, as if it were in production."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from govflow.ir.models import CallSite, Effect, Step
from govflow.planning.effects.deeds import Deed, Deeds
from govflow.planning.effects.unseen import told
from govflow.planning.options import Options

if TYPE_CHECKING:
    from govflow.planning.recorder import Site

_WHERE: Final = "production"


class Judged(NamedTuple):
    """What a step does, from what it declares and what was found."""

    action: str
    provider: str
    resource: str
    declared: bool
    effects: tuple[Effect, ...]
    unseen: tuple[str, ...]


class Models:
    """Sites and effects as the model has them, each made once for a plan."""

    def __init__(self) -> None:
        self._sites: dict[Site, CallSite] = {}
        self._effects: dict[tuple[tuple[Deed, Site], ...], tuple[Effect, ...]] = {}

    def judged(self, options: Options, defaults: tuple[str, str, str], deeds: Deeds) -> Judged:
        """Action, provider and resource: declared, else of the strongest effect, else these defaults."""
        effects = self.ranked(deeds) if deeds.found else ()
        action, provider, resource = defaults
        if effects and options.action is None:
            action, provider, resource = effects[0].action, effects[0].provider, effects[0].resource
        return Judged(
            options.action or action,
            options.provider or provider,
            options.resource or resource,
            options.action is not None,
            effects,
            told(deeds.unseen) if deeds.unseen else (),
        )

    def ranked(self, deeds: Deeds) -> tuple[Effect, ...]:
        """Effects, each once, the strongest first; among equals in the order of the source."""
        key = tuple(deeds.found.items())
        known = self._effects.get(key)
        if known is None:
            distinct: dict[tuple[str, str, str, bool], tuple[Deed, Site]] = {}
            for deed, site in key:
                distinct.setdefault(deed[:4], (deed, site))
            ordered = list(distinct.values())
            if len(ordered) > 1:
                ordered.sort(key=lambda item: -tier_of(*item[0][:4]))
            known = self._effects[key] = tuple(self._effect(deed, site) for deed, site in ordered)
        return known

    def _effect(self, deed: Deed, site: Site) -> Effect:
        return Effect(
            action=deed.action,
            provider=deed.provider,
            resource=deed.resource,
            unbounded=deed.unbounded,
            detail=deed.detail,
            site=self.site(site),
        )

    def site(self, site: Site) -> CallSite:
        """A site as the model has it."""
        found = self._sites.get(site)
        if found is None:
            line, column, end_line, end_column = site.position
            values: dict[str, Any] = {
                "file": site.file,
                "function": site.function,
                "line": line,
                "column": column,
                "end_line": end_line,
                "end_column": end_column,
            }
            # The parser gives whole numbers, and plain text is valid where it is not empty.
            plain = site.file and site.file.isascii() and site.function.isascii()
            found = self._sites[site] = CallSite.of_valid(values) if plain else CallSite(**values)
        return found


@lru_cache(maxsize=8192)
def tier_of(
    action: str, provider: str, resource: str, unbounded: bool = False, name: str = "", declared: int | None = None
) -> int:
    """The tier of such an effect in production, by the rules that ship."""
    from govflow.ir.models import Tier
    from govflow.tiers.facts import TierFacts
    from govflow.tiers.rules import TierRules

    stated = None if declared is None else Tier(declared)
    facts = TierFacts(action, provider, resource, name, _WHERE, declared=stated, unbounded=unbounded)
    return int(TierRules.default().judge(facts).tier)


def hidden_by(step: Step) -> Iterable[Effect]:
    """Effects that are stronger than what the step declares."""
    if not step.declared or not step.effects:
        return ()
    stated = tier_of(step.action, step.provider, step.resource, False, step.callee, step.tier)
    return [effect for effect in step.effects if tier_of_effect(effect) > stated]


def tier_of_effect(effect: Effect) -> int:
    """The tier of an effect in production."""
    return tier_of(effect.action, effect.provider, effect.resource, effect.unbounded)
