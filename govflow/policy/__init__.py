"""Policy: rules as data, and the decision that they lead to. Pure; ``docs/policy.md`` is its specification.

``Engine(load_policy(text, where="policy.yaml")).decide(PolicyRequest(...))`` is the whole of it.
"""

from govflow.policy.document import PolicyDocument, load_policy
from govflow.policy.engine import Engine
from govflow.policy.exemptions import PolicyException
from govflow.policy.imports import Importer
from govflow.policy.layered_document import engine_of, layered
from govflow.policy.layers import Layer, LayeredEngine
from govflow.policy.memo import Memo
from govflow.policy.model import Decision, Effect, PolicyEngine, PolicyRequest, Stride, Verdict
from govflow.policy.rollout import Rollout
from govflow.policy.rules import Band, Combining, Level, PolicyRule, PolicySet, RuleMode
from govflow.policy.schema import policy_json_schema
from govflow.policy.starter import starter, starter_text

__all__ = [
    "Band",
    "Combining",
    "Decision",
    "Effect",
    "Engine",
    "Importer",
    "Layer",
    "LayeredEngine",
    "Level",
    "Memo",
    "PolicyDocument",
    "PolicyEngine",
    "PolicyException",
    "PolicyRequest",
    "PolicyRule",
    "PolicySet",
    "Rollout",
    "RuleMode",
    "Stride",
    "Verdict",
    "engine_of",
    "layered",
    "load_policy",
    "policy_json_schema",
    "starter",
    "starter_text",
]
