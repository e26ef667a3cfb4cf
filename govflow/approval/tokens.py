"""Approval tokens: one person's single-use secret for one request.

A token is opaque: 32 random bytes in URL-safe base64 behind a prefix that secret scanners can look for. The secret is
shown once, to the person; the store keeps its SHA-256 (a 256-bit secret needs no salt and no slow hash). A token buys
one vote; spending it is a conditional UPDATE in the store.

Whatever is wrong with a token, the person is told the same. What it was is in ``details["cause"]``, which goes to the
audit log and nowhere else.
"""

from __future__ import annotations

import base64
import hmac
import re
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from govflow.approval.ballots import excluded
from govflow.approval.models import ApprovalRequest, Binding, RequestState
from govflow.approval.people import person_key
from govflow.approval.requests import expiry
from govflow.approval.rules import eligible
from govflow.errors import NotEligible, RequestClosed, SelfApproval, TokenInvalid
from govflow.ir.models import Digest, NonEmpty, StrictModel

PREFIX: Final = "gfa_"
SECRET_BYTES: Final = 32
SECRET_PATTERN: Final = re.compile(r"gfa_[A-Za-z0-9_-]{43}")
"""What a token looks like, for redaction and for secret scanners."""


class TokenCause(StrEnum):
    """What was wrong with a token. For the audit log only."""

    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"
    REQUEST = "request"
    PRINCIPAL = "principal"
    TENANT = "tenant"
    RUN = "run"
    STEP = "step"
    IR = "ir"
    POLICY = "policy"
    PARAMETERS = "parameters"


class TokenGrant(StrictModel):
    """What a token is good for; the secret is not in it."""

    token_digest: Digest
    request_id: NonEmpty
    principal: NonEmpty
    tenant: NonEmpty
    run_id: NonEmpty
    step_id: NonEmpty
    map_index: int | None = None
    ir_hash: Digest
    policy_digest: Digest
    parameters_digest: Digest
    expires_at: datetime
    used_at: datetime | None = None


def mint(random: bytes) -> tuple[str, str]:
    """A new token: the secret to show once, and the digest to keep.

    Args:
        random: exactly 32 bytes from the system's secure source.

    Raises:
        ValueError: another number of bytes.
    """
    if len(random) != SECRET_BYTES:
        raise ValueError(f"a token is made of {SECRET_BYTES} random bytes, not {len(random)}")
    secret = PREFIX + base64.urlsafe_b64encode(random).rstrip(b"=").decode("ascii")
    return secret, token_digest(secret)


def token_digest(secret: str) -> str:
    """SHA-256 of the whole secret, prefix included, written ``sha256:<hex>``; blanks around a pasted one are dropped.

    Any text has a digest, so looking one up tells nothing about the form of real tokens.
    """
    return "sha256:" + sha256(secret.strip().encode("utf-8", "surrogatepass")).hexdigest()


def same_digest(one: str, other: str) -> bool:
    """Whether two digests are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(one.encode("utf-8"), other.encode("utf-8"))


def grant_token(
    request: ApprovalRequest,
    principal: str,
    selectors: frozenset[str],
    digest: str,
    now: datetime,
    ttl_seconds: int | None = None,
) -> TokenGrant:
    """What a freshly minted token is good for.

    Args:
        request: must be open.
        principal: who asked for the token, and who votes with it.
        selectors: of that person, as in :func:`govflow.approval.rules.eligible`.
        digest: from :func:`mint`.
        now: aware.
        ttl_seconds: of the token; it never outlives the request, which is also the default.

    Raises:
        RequestClosed: the request is not pending, or its time is over.
        SelfApproval: the requester asked, or an owner of what started the run.
        NotEligible: the approval rule does not name this person.
        RequestError: ``ttl_seconds`` is 0 or less.
    """
    ends = request.expires_at if ttl_seconds is None else min(request.expires_at, expiry(now, ttl_seconds))
    details = {"request_id": request.request_id, "principal": principal}
    if request.state is not RequestState.PENDING or now >= request.expires_at:
        raise RequestClosed("The request is closed; no token is made for it.", details=details)
    if person_key(principal) in excluded(request):
        raise SelfApproval(details=details)
    if not eligible(request.rule, request, principal, selectors, now=now):
        raise NotEligible(details=details)
    binding = request.binding
    return TokenGrant(
        token_digest=digest,
        request_id=request.request_id,
        principal=principal,
        tenant=binding.tenant,
        run_id=binding.run_id,
        step_id=binding.step_id,
        map_index=binding.map_index,
        ir_hash=binding.ir_hash,
        policy_digest=binding.policy_digest,
        parameters_digest=binding.parameters_digest,
        expires_at=ends,
    )


def check_token(
    grant: TokenGrant | None,
    binding: Binding,
    now: datetime,
    *,
    request_id: str | None = None,
    principal: str | None = None,
) -> None:
    """Check that a presented token buys a vote here and now.

    Args:
        grant: what the store holds under the digest of the presented secret; ``None`` if nothing.
        binding: what is being decided, from the request that is open, not from the token.
        now: aware. A token is over at ``expires_at``, not after it.
        request_id: the request that is being answered, where it is known; two requests may have one binding.
        principal: who presents it, where a sign-in says so; otherwise the token speaks for its owner.

    Raises:
        TokenInvalid: always with the same message; ``details["cause"]`` is a :class:`TokenCause`.
    """
    cause = _cause(grant, binding, now, request_id, principal)
    if cause is not None:
        raise TokenInvalid(mend="Ask for a new token.", details={"cause": cause.value})


def _cause(
    grant: TokenGrant | None, binding: Binding, now: datetime, request_id: str | None, principal: str | None
) -> TokenCause | None:
    if grant is None:
        return TokenCause.UNKNOWN
    foreign = {
        TokenCause.TENANT: grant.tenant != binding.tenant,
        TokenCause.RUN: grant.run_id != binding.run_id,
        TokenCause.STEP: (grant.step_id, grant.map_index) != (binding.step_id, binding.map_index),
        TokenCause.IR: grant.ir_hash != binding.ir_hash,
        TokenCause.POLICY: grant.policy_digest != binding.policy_digest,
        TokenCause.PARAMETERS: grant.parameters_digest != binding.parameters_digest,
        TokenCause.REQUEST: request_id is not None and grant.request_id != request_id,
        TokenCause.PRINCIPAL: principal is not None and grant.principal != principal,
        TokenCause.USED: grant.used_at is not None,
        TokenCause.EXPIRED: now >= grant.expires_at,
    }
    return next((cause for cause, holds in foreign.items() if holds), None)
