"""The one order in which a run and a step are checked.

The order is fixed because later checks trust earlier ones: a policy reads the tenant, an approval binds to the decision
of the policy, an intent record names the approval. Nothing else in the code base decides; engines only ask.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Check(StrEnum):
    """What is checked, in this order."""

    IDENTITY = "identity"
    TENANT = "tenant"
    MODE = "mode"
    LIMITS = "limits and budget"
    INPUT = "input validation"
    GUARDRAILS_IN = "guardrails (in)"
    PLAN = "plan and conformance"
    POLICY = "policy and tier"
    APPROVAL = "approval"
    INTENT = "intent"
    BODY = "body"
    GUARDRAILS_OUT = "guardrails (out)"
    OUTCOME = "outcome"


ORDER: Final = tuple(Check)

NOT_YET: Final = frozenset({Check.LIMITS, Check.GUARDRAILS_IN, Check.GUARDRAILS_OUT})
"""Places in the order that no check stands in: limits, budgets and guardrails are not part of this version."""
