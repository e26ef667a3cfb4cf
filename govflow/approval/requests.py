"""Requests: opened, found out of date, voided. Pure; the store keeps them."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from pydantic import JsonValue

from govflow.approval.models import ApprovalRequest, ApprovalRule, Binding, RequestState
from govflow.errors import RequestError
from govflow.ir.canonical import canonical
from govflow.ir.models import Tier

SALT_BYTES: Final = 16
"""The least length of a salt. Shorter ones let values with few possibilities be guessed from the commitment."""

_LABEL: Final = b"govflow approval parameters v1\x00"
_OPEN: Final = frozenset({RequestState.PENDING, RequestState.APPROVED})

_PARTS: Final[Mapping[str, str]] = {
    "tenant": "the tenant",
    "flow": "the flow",
    "run_id": "the run",
    "step_id": "the step",
    "map_index": "the map index",
    "ir_hash": "the plan or its parameters (IR)",
    "policy_digest": "the policy",
    "parameters_digest": "the step's parameters",
}
_DIGESTS: Final = frozenset({"ir_hash", "policy_digest", "parameters_digest"})
_SHOWN: Final = len("sha256:") + 12


def open_request(
    binding: Binding,
    rule: ApprovalRule,
    requester: str,
    tier: Tier,
    policy_rule: str,
    reason: str,
    summary: Mapping[str, JsonValue],
    now: datetime,
    request_id: str,
) -> ApprovalRequest:
    """A new request, pending from ``now`` for the rule's ``ttl_seconds``.

    Args:
        binding: what exactly is asked for.
        rule: who decides.
        requester: name of the principal whose run asks; never counts as an approver.
        tier: of the step.
        policy_rule: the policy rule that asked.
        reason: why, in words.
        summary: what approvers are shown.
        now: aware.
        request_id: unique; made by the caller.

    Raises:
        RequestError: the time to live is not positive, or ends beyond the calendar; or nobody asks.
        ValueError: ``now`` has no time zone.
    """
    if not requester.strip():
        raise RequestError("A request needs a requester.", mend="Say who runs the flow.")
    return ApprovalRequest(
        request_id=request_id,
        binding=binding,
        rule=rule,
        requester=requester,
        tier=tier,
        policy_rule=policy_rule,
        reason=reason,
        summary=dict(summary),
        created_at=now,
        expires_at=expiry(now, rule.ttl_seconds),
    )


def expiry(now: datetime, ttl_seconds: int) -> datetime:
    """When something of that life ends. It is over at that instant, not after it; no skew is allowed for.

    Raises:
        RequestError: ``ttl_seconds`` is 0 or less, or leads beyond the year 9999.
        ValueError: ``now`` has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError("now has no time zone")
    mend = "Write 'ttl_seconds' as a positive number of seconds; 3600 is usual."
    if ttl_seconds <= 0:
        raise RequestError(f"A time to live of {ttl_seconds} s is over at once.", mend=mend)
    try:
        return now + timedelta(seconds=ttl_seconds)
    except OverflowError:
        raise RequestError(f"A time to live of {ttl_seconds} s ends beyond the calendar.", mend=mend) from None


def is_overdue(request: ApprovalRequest, now: datetime) -> bool:
    """Whether it should be moved to EXPIRED: nobody decided, or nobody claimed the approval, in time."""
    return request.state in _OPEN and now >= request.expires_at


def void_reason(old: Binding, new: Binding) -> str | None:
    """What changed, in words, so that the old request no longer stands; ``None`` if it still does.

    An identical re-plan has the same hashes and keeps its approval.
    """
    changes = []
    for name, what in _PARTS.items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            changes.append(f"{what} changed from {_shown(name, before)} to {_shown(name, after)}")
    return "; ".join(changes) or None


def _shown(name: str, value: str | int | None) -> str:
    if value is None:
        return "none"
    return f"{str(value)[:_SHOWN]}…" if name in _DIGESTS else str(value)


def parameters_digest(salt: bytes, parameters: Mapping[str, JsonValue]) -> str:
    """A commitment to the bound parameters of a step: HMAC-SHA-256 of their canonical form, under the salt.

    Args:
        salt: at least :data:`SALT_BYTES` random bytes, kept where values may be kept: whoever has it can test guesses.
        parameters: JSON values.

    Returns:
        ``sha256:`` and 64 hexadecimal digits.

    Raises:
        CanonicalError: a value has no canonical form; names the parameter and the place in it.
        ValueError: the salt is too short.
    """
    if len(salt) < SALT_BYTES:
        raise ValueError(f"a salt has at least {SALT_BYTES} bytes, this one {len(salt)}")
    data = canonical(parameters, where="parameters")
    return "sha256:" + hmac.new(salt, _LABEL + data, sha256).hexdigest()
