"""Policy: rules as data, and the decision that they lead to. Pure; ``docs/policy.md`` is its specification.

``Engine(load_policy(text, where="policy.yaml")).decide(PolicyRequest(...))`` is the whole of it.
"""

from govflow.policy.document import PolicyDocument, load_policy
from govflow.policy.engine import Engine
from govflow.policy.model import Decision, Effect, PolicyEngine, PolicyRequest, Verdict
from govflow.policy.rules import Combining, Level, PolicyRule, PolicySet, RuleMode
from govflow.policy.schema import policy_json_schema
from govflow.policy.starter import starter, starter_text

__all__ = [
    "Combining",
    "Decision",
    "Effect",
    "Engine",
    "Level",
    "PolicyDocument",
    "PolicyEngine",
    "PolicyRequest",
    "PolicyRule",
    "PolicySet",
    "RuleMode",
    "Verdict",
    "load_policy",
    "policy_json_schema",
    "starter",
    "starter_text",
]
