"""What a reader of the plan should know of effects, beside the steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from govflow.ir.models import Effect, Finding, Step
from govflow.planning.effects.deeds import Deeds
from govflow.planning.effects.strength import hidden_by

_QUIET_AT_IMPORT = frozenset({"file:read", "file:list"})


def effect_findings(steps: Iterable[Step], at_import: Mapping[str, Deeds]) -> Iterator[Finding]:
    """Findings of steps, and of modules that do something when they are imported."""
    for step in steps:
        for effect in hidden_by(step):
            message = f"{step.callee} declares {step.action}, and its code does more: {told(effect)}"
            yield _at(effect, "effect-hidden", message)
        for effect in step.effects:
            if effect.unbounded:
                yield _at(
                    effect, "effect-unbounded", f"{effect.detail or told(effect)}: every row, there is no condition"
                )
    for deeds in at_import.values():
        for deed, site in deeds.found.items():
            if deed.action not in _QUIET_AT_IMPORT:
                message = f"importing the module does {deed.action} on {deed.resource}"
                yield Finding(code="effect-at-import", message=message, file=site.file, line=site.position[0])


def told(effect: Effect) -> str:
    """An effect in words."""
    return f"{effect.action} on {effect.resource} ({effect.provider})"


def _at(effect: Effect, code: str, message: str) -> Finding:
    site = effect.site
    return Finding(code=code, message=message, file=site.file if site else None, line=site.line if site else None)
