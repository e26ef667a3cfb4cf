"""What a step's code does, in a line each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from govflow.ir.models import Effect, Step
from govflow.services.describe.escape import plain
from govflow.telemetry import redact_text

_LIMIT: Final = 70  # characters of a resource
_SOME: Final = 10  # names of unknown code


def words(action: str, provider: str, resource: str, *, unbounded: bool = False, declared: bool = False) -> str:
    """One thing that is done, with what, to what. Without credentials."""
    said = [plain(action), plain(provider), plain(redact_text(resource), _LIMIT)]
    said += ["(every row)"] if unbounded else []
    return " ".join([*said, "(declared)"] if declared else said)


def effect_words(effect: Effect) -> str:
    """One effect."""
    return words(effect.action, effect.provider, effect.resource, unbounded=effect.unbounded)


def effect_json(effect: Effect) -> dict[str, Any]:
    """One effect as JSON values. Without credentials."""
    return {
        "action": effect.action,
        "provider": effect.provider,
        "resource": redact_text(effect.resource),
        "unbounded": effect.unbounded,
        "detail": redact_text(effect.detail),
        "file": effect.site.file if effect.site else None,
        "line": effect.site.line if effect.site else None,
    }


def unseen_words(step: Step) -> str:
    """What nobody knows of a step's code; empty if all is known."""
    if not step.unseen:
        return ""
    some = ", ".join(plain(name) for name in step.unseen[:_SOME])
    more = len(step.unseen) - _SOME
    return f"not known: {some}" + (f" and {more} more" if more > 0 else "")


def beside_the_row(step: Step) -> Iterator[str]:
    """What the row of a step, which shows its strongest effect or its declaration, leaves out."""
    own = (step.action, step.provider, step.resource)
    for effect in step.effects:
        if effect.unbounded or (effect.action, effect.provider, effect.resource) != own:
            yield effect_words(effect)
    if step.unseen:
        yield unseen_words(step)
