"""What the annotations of a Cedar policy say beyond Cedar: name, effect, priority, approval rule, obligations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from govflow.errors import PolicyError
from govflow.policy.cedar.library import Form
from govflow.policy.model import Effect, Stride
from govflow.policy.places import did_you_mean

PRIORITY: Final = 100


@dataclass(frozen=True, slots=True)
class Said:
    """A policy without its conditions."""

    name: str
    effect: Effect
    description: str
    priority: int
    approval: str | None
    band: str | None  # of a deny or require_approval that nothing overrides
    obligations: tuple[str, ...]
    stride: tuple[Stride, ...]
    compliance: tuple[str, ...]

    @property
    def secures(self) -> bool:
        """Whether it stands in a security band."""
        return self.band is not None and self.effect is not Effect.ALLOW


def said_by(form: Form, index: int, where: str) -> Said:
    """What the annotations say, and the effect; other annotations mean nothing to us and are passed over.

    Raises:
        PolicyError: one of ours says what it cannot say.
    """
    notes: Mapping[str, str | None] = form.get("annotations", {})
    text = {name: said or "" for name, said in notes.items()}
    name = text.get("id") or f"policy{index}"
    priority = text.get("priority", str(PRIORITY))
    if not priority.isascii() or not priority.isdigit():
        raise _wrong(where, "priority", "Write a whole number from 0 up.")
    return Said(
        name=name,
        effect=_effect(form, text.get("effect"), where),
        description=text.get("description", ""),
        priority=int(priority),
        approval=text.get("approval") or None,
        band=text.get("band") or None,
        obligations=_listed(text, "obligations", where),
        stride=tuple(_stride(word, where) for word in _listed(text, "stride", where)),
        compliance=_listed(text, "compliance", where),
    )


def _effect(form: Form, said: str | None, where: str) -> Effect:
    own = Effect.ALLOW if form["effect"] == "permit" else Effect.DENY
    if said is None or said == own:
        return own
    if said == Effect.REQUIRE_APPROVAL:
        return Effect.REQUIRE_APPROVAL
    raise _wrong(where, "effect", f"Write 'require_approval', or leave it out: {form['effect']} says the rest.")


def _listed(text: Mapping[str, str], name: str, where: str) -> tuple[str, ...]:
    if name not in text:
        return ()
    try:
        listed = json.loads(text[name])
    except ValueError:
        listed = None
    if not isinstance(listed, list) or not all(isinstance(item, str) and item for item in listed):
        raise _wrong(where, name, 'Write a JSON list of texts: "[\\"log\\"]".')
    return tuple(listed)


def _stride(word: str, where: str) -> Stride:
    try:
        return Stride(word)
    except ValueError:
        raise _wrong(where, "stride", did_you_mean(word, map(str, Stride))) from None


def _wrong(where: str, name: str, mend: str) -> PolicyError:
    return PolicyError(f"{where}: the annotation @{name} says what it cannot say.", mend=mend)
