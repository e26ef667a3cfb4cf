"""Permits and keys to test with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from govflow.ir.models import Tier
from govflow.permits.keys import SigningKey
from govflow.permits.models import Permit, PermittedStep
from govflow.policy.model import Verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = SigningKey.from_seed(bytes(range(32)))
OTHER = SigningKey.from_seed(bytes(range(1, 33)))
KEYS = {KEY.kid: KEY.public}
DIGEST = "sha256:" + "ab" * 32


def a_permit(**changed: Any) -> Permit:
    """For run ``run-1`` of ``acme``, fifteen minutes from noon."""
    fields: dict[str, Any] = {
        "jti": "permit-1",
        "tenant": "acme",
        "run_id": "run-1",
        "flow": "etl",
        "plan_key": "etl@etl.py:etl",
        "ir_hash": DIGEST,
        "plan_hash": DIGEST,
        "policy_digest": DIGEST,
        "mode": "enforce",
        "environment": "production",
        "requester": "rita",
        "issued_at": NOON,
        "expires_at": NOON + timedelta(minutes=15),
        "steps": {
            "load#1": PermittedStep(step_hash=DIGEST, tier=Tier.LOW, verdict=Verdict.PASS, count=1, parents=("etl",))
        },
    }
    return Permit(**{**fields, **changed})
