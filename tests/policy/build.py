"""Short ways to say what the tests of this room need."""

from __future__ import annotations

from typing import Any

from govflow.policy.document import PolicyDocument
from govflow.policy.engine import Engine
from govflow.policy.model import Decision, Effect, PolicyRequest
from govflow.policy.rules import PolicyRule, PolicySet

ALLOW, DENY, ASK = Effect.ALLOW, Effect.DENY, Effect.REQUIRE_APPROVAL


def rule(name: str, effect: Effect, **fields: Any) -> PolicyRule:
    """A rule that matches everything but for the fields that are given."""
    return PolicyRule.model_validate({"name": name, "effect": effect, **fields})


def engine(*rules: PolicyRule, attributes: dict[str, str] | None = None, **fields: Any) -> Engine:
    """An engine for a set of these rules; further fields are those of the set."""
    policy = PolicySet.model_validate({"name": "test", "rules": rules, **fields})
    return Engine(document(policy, attributes))


def document(policy: PolicySet, attributes: dict[str, str] | None = None) -> PolicyDocument:
    """A document of just this set."""
    return PolicyDocument.build(policy, attributes=attributes, actions=["agent:tool_execute", "graph:deploy"])


def request(
    action: str = "data:read", resource: str = "dataset://acme/sales", *selectors: str, **spaces: Any
) -> PolicyRequest:
    """A request; keyword arguments are the namespaces of its attributes."""
    return PolicyRequest(frozenset(selectors), action, "postgres", resource, spaces)


def decide(rules: list[PolicyRule], asked: PolicyRequest, **fields: Any) -> Decision:
    """What a set of these rules says."""
    return engine(*rules, **fields).decide(asked)
