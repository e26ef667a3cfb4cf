"""What a rule says by itself, or with the words that are registered, that it can hardly be meant to say."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from govflow.policy.analysis.formulas import Want, atoms_of
from govflow.policy.analysis.globsets import disjoint
from govflow.policy.analysis.solving import impossible
from govflow.policy.analysis.views import PolicyView, RuleView, target_of
from govflow.policy.analysis.witness import Prover
from govflow.policy.model import Effect, PolicyRequest
from govflow.policy.moments import moment
from govflow.policy.places import did_you_mean

_NAMING = frozenset({"equals", "any_of"})


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to say of one rule or exception."""

    rule: str
    message: str
    mend: str
    key: str = ""
    request: PolicyRequest | None = None


def expired(view: PolicyView, now: datetime) -> Iterator[Remark]:
    """Rules and exceptions whose day has passed."""
    for rule in view.rules:
        if rule.rule.expires is not None and moment(rule.rule.expires) <= now:
            yield Remark(
                rule.name,
                f"rule {rule.name!r} expired on {rule.rule.expires}: it matches nothing where run.time is told",
                "Remove the rule, or give it another 'expires'.",
            )
    for exception in view.document.policy.exceptions:
        if moment(exception.expires) <= now:
            yield Remark(
                exception.rule,
                f"exception {exception.name!r} from rule {exception.rule!r} expired on "
                f"{exception.expires}: it is refused",
                f"Remove it, or have {exception.owner} renew it.",
                key=exception.name,
            )


def useless_exceptions(view: PolicyView, actions: Collection[str], now: datetime) -> Iterator[Remark]:
    """Exceptions that no request can use: they and their rule are never for the same request."""
    rules = {rule.name: rule for rule in view.rules}
    for exception in view.document.policy.exceptions:
        if moment(exception.expires) <= now:
            continue
        rule = rules.get(exception.rule)
        if rule is None or rule.note:
            how = "is off" if rule is None else f"is {rule.note} and never decides"
            yield Remark(
                exception.rule,
                f"exception {exception.name!r} is from rule {exception.rule!r}, which {how}",
                "Remove the exception, or enforce the rule.",
                key=exception.name,
            )
            continue
        target = target_of(exception, view.document.schema, actions)
        met, other = target.ways(Want.MET), rule.ways(Want.MET)
        why = ""
        if all(disjoint(left, right) for left in target.actions for right in rule.actions):
            why = "their actions have nothing in common"
        elif all(disjoint(left, right) for left in target.resources for right in rule.resources):
            why = "their resources have nothing in common"
        elif met is not None and other is not None and impossible(met, other):
            why = "their conditions are never met together"
        if why:
            yield Remark(
                exception.rule,
                f"exception {exception.name!r} never covers rule {exception.rule!r}: {why}",
                "Write the exception for what the rule is for, or remove it.",
                key=exception.name,
            )


def too_broad(view: PolicyView, prover: Prover) -> Iterator[Remark]:
    """Allows for everybody, everything and every resource, without a condition."""
    for rule in view.rules:
        wide = rule.everywhere and any(pattern.strip("*") == "" for pattern in rule.actions)
        always = next(atoms_of(rule.formula), None) is None and rule.rule.rollout is None and rule.subjects is None
        if rule.rule.effect is Effect.ALLOW and not rule.note and wide and always:
            yield Remark(
                rule.name,
                f"rule {rule.name!r} allows every action on every resource to everyone: whatever no earlier rule "
                "stops is allowed, also what nobody has thought of",
                "Say 'default: allow' if that is meant; else name actions, resources or subjects.",
                request=prover.matching([rule]),
            )


def bands(view: PolicyView) -> Iterator[Remark]:
    """Rules that stand in no band where there are bands, and rules that are in the wrong one."""
    held = view.document.policy.bands
    security = [name for name, band in held.items() if band.security]
    for rule in view.rules:
        found = next((name for name, band in held.items() if band.holds(rule.rule)), None)
        if held and found is None:
            yield Remark(
                rule.name,
                f"rule {rule.name!r} has priority {rule.rule.priority}, which is in none of the bands: {_named(view)}",
                "Give it a priority of the band that it belongs to, or add a band.",
                key="none",
            )
        elif found in security and rule.rule.effect is Effect.ALLOW:
            yield Remark(
                rule.name,
                f"rule {rule.name!r} allows in the security band {found!r}, which gives it no more weight there",
                "Move it to another band: only deny and require_approval have the last word in a security band.",
                key="allow",
            )
        elif security and found not in security and rule.rule.stride and rule.rule.restricts:
            yield Remark(
                rule.name,
                f"rule {rule.name!r} says that it protects from {', '.join(rule.rule.stride)}, and stands outside the "
                f"security band: a rule that allows before it takes its requests away",
                f"Give it a priority of the band {security[0]!r}.",
                key="stride",
            )


def unregistered(view: PolicyView, actions: Collection[str], providers: Collection[str]) -> Iterator[Remark]:
    """Conditions that name an action or a provider that is not registered, and so is never asked about."""
    for rule in view.rules:
        for atom in atoms_of(rule.formula):
            known = {"action": actions, "provider": providers}.get(atom.path)
            if known is None or atom.operator not in _NAMING:
                continue
            named = atom.operand if isinstance(atom.operand, list) else [atom.operand]
            for word in named:
                if word not in known:
                    yield Remark(
                        rule.name,
                        f"rule {rule.name!r} asks for the {atom.path} {word!r}, which is not registered: "
                        "no plan has it",
                        f"{did_you_mean(str(word), known)} Others are registered under '{atom.path}s:'.",
                        key=f"{atom.path}:{word}",
                    )


def _named(view: PolicyView) -> str:
    held = sorted(view.document.policy.bands.items(), key=lambda item: tuple(item[1].priorities))
    return ", ".join(f"{name} {band.priorities[0]} to {band.priorities[1]}" for name, band in held)


__all__ = ["Remark", "RuleView", "bands", "expired", "too_broad", "unregistered", "useless_exceptions"]
