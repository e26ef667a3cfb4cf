"""Limits of packs that a file may set when it imports them.

A limit is one operand of one rule. It is read as what stands in the pack is: a number, or a list of words with commas
between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from govflow.errors import PolicyError
from govflow.policy.packs.shipped import PackName
from govflow.policy.places import did_you_mean
from govflow.policy.rules import PolicyRule, PolicySet


@dataclass(frozen=True, slots=True)
class Limit:
    """What can be set: the operand of ``operator`` at ``path`` in the conditions of ``rule``."""

    rule: str
    path: str
    operator: str

    def default(self, policy: PolicySet) -> Any:
        """What stands in the pack."""
        (rule,) = (rule for rule in policy.rules if rule.name == self.rule)
        held: Any = rule.conditions[self.path]
        return held[self.operator]


LIMITS: Final[Mapping[str, Mapping[str, Limit]]] = {
    "budgets": {"approve_above": Limit("budgets.expensive-step", "run.estimated_cost", "gt")},
    "data-residency": {"regions": Limit("data-residency.stays-in-the-eu", "data.destination_region", "not_any_of")},
    "production-changes": {"records": Limit("production-changes.bulk-deletion", "step.records", "gt")},
    "security-hardening": {
        "auth_minutes": Limit("security-hardening.recent-sign-in", "subject.auth_minutes", "gt"),
        "export_bytes": Limit("security-hardening.large-exports", "data.export_bytes", "gt"),
        "export_records": Limit("security-hardening.bulk-exports", "step.records", "gt"),
    },
}
"""The limits of each pack, by name."""

_LONGEST: Final = 15  # digits: every number of as many has a float of its own


def limited(policy: PolicySet, pack: PackName) -> PolicySet:
    """The rules of a pack with the limits that its import sets.

    Raises:
        PolicyError: there is no such limit, or the value cannot be one.
    """
    known = LIMITS.get(pack.name, {})
    for name, text in pack.limits.items():
        if name not in known:
            mend = did_you_mean(name, known) if known else "Write a rule of your own: it has none."
            raise PolicyError(f"{pack.where} has no limit {name!r}", mend=mend)
        policy = _with(policy, known[name], _like(known[name].default(policy), name, text))
    return policy


def _with(policy: PolicySet, limit: Limit, value: Any) -> PolicySet:
    def set_in(rule: PolicyRule) -> PolicyRule:
        held: Any = rule.conditions[limit.path]
        conditions = {**rule.conditions, limit.path: {**held, limit.operator: value}}
        return rule.model_copy(update={"conditions": conditions})

    rules = tuple(set_in(rule) if rule.name == limit.rule else rule for rule in policy.rules)
    return policy.model_copy(update={"rules": rules})


def _like(default: Any, name: str, text: str) -> Any:
    """The value that ``text`` says, of the kind of ``default``."""
    if isinstance(default, list):
        words = [word.strip() for word in text.split(",")]
        if not all(words):
            raise PolicyError(f"{name}={text} has an empty word", mend=f"Write {name}=ONE,TWO.")
        return words
    # Digits of ASCII alone: no signs, no exponents, nothing that another reader takes for something else.
    whole, dot, part = text.partition(".")
    if not (text.isascii() and len(text) <= _LONGEST and whole.isdigit() and (part.isdigit() or not dot)):
        raise PolicyError(f"{name}={text} is not a number", mend=f"Write a number that is not negative: {name}=20.")
    return float(text) if dot else int(text)
