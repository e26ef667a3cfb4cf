"""A vote with a token, wherever it was typed."""

from __future__ import annotations

from datetime import datetime

from pydantic import SecretStr

from govflow.approval.models import ApprovalRequest, VoteDecision
from govflow.approval.rules import judge_vote
from govflow.store import Store


def cast_answer(
    store: Store, request: ApprovalRequest, token: SecretStr, decision: VoteDecision, reason: str, now: datetime
) -> ApprovalRequest:
    """Spend a token on one request.

    Args:
        store: where the token's digest is.
        request: the request that was answered; the token must be for exactly this one.
        token: the secret that the person holds.
        decision: approve or deny.
        reason: why.
        now: the time of the vote, aware and in UTC.

    Raises:
        VoteRefused: the vote does not count; nothing about a token can be told from the message.
    """
    return store.tokens.spend(token.get_secret_value(), request.binding, decision, reason, now, judge_vote)
