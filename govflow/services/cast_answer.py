"""A vote with a token, wherever it was typed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn

from pydantic import SecretStr

from govflow.approval.models import ApprovalRequest, Vote, VoteDecision
from govflow.approval.rules import VoteOutcome, judge_vote
from govflow.errors import NotEligible
from govflow.services.answer_limit import limit_of
from govflow.services.decide_approvals import kept_reason
from govflow.services.selectors_now import lasting_selectors, need_not_lost, selectors_now
from govflow.services.workspace import Workspace


def refuse_unknown(workspace: Workspace, token: SecretStr, now: datetime, *, caller: str = "") -> NoReturn:
    """Answer a vote with a token on a request that is not there as a wrong token is answered, with the same limits.

    Raises:
        TokenInvalid: for a token that was looked at.
        TooManyAttempts: for one that was not.
    """
    limit = limit_of(workspace, *([caller] if caller else []))
    workspace.store.tokens.refuse_unknown(workspace.settings.tenant, token.get_secret_value(), now, limit)


def cast_answer(
    workspace: Workspace,
    request: ApprovalRequest,
    token: SecretStr,
    decision: VoteDecision,
    reason: str,
    now: datetime,
    *,
    caller: str = "",
) -> ApprovalRequest:
    """Spend a token on one request.

    The owner counts as what the owner is now: a role that was taken away since the token was made buys nothing.

    Args:
        workspace: in whose store the token's digest is.
        request: the request that was answered; the token must be for exactly this one.
        token: the secret that the person holds.
        decision: approve or deny.
        reason: why.
        now: the time of the vote, aware and in UTC.
        caller: whoever presents it, ``KIND:VALUE``, such as ``address:192.0.2.7`` or ``session:`` and its digest:
            that one's wrong answers are limited too. Empty where nobody can tell, as in Prefect's form.

    Raises:
        VoteRefused: the vote does not count; nothing about a token can be told from the message.
        TooManyAttempts: it was not looked at.
    """
    limit = limit_of(workspace, *([caller] if caller else []))
    when_made: set[str] = set()

    def owner_now(name: str, minted: frozenset[str]) -> frozenset[str]:
        when_made.update(minted)
        return lasting_selectors(workspace, name, now, minted)

    def judge(request: ApprovalRequest, votes: Sequence[Vote], vote: Vote, selectors: frozenset[str], /) -> VoteOutcome:
        try:
            return judge_vote(request, votes, vote, selectors)
        except NotEligible:
            lost = "{name} had the {what} when this token was made, and does not have it any more."
            need_not_lost(request, vote.principal, frozenset(when_made), selectors, lost, "Ask somebody who has it.")
            raise

    return workspace.store.tokens.spend(
        token.get_secret_value(),
        request.binding,
        decision,
        kept_reason(reason),
        now,
        judge,
        limit=limit,
        selectors_of=selectors_now(workspace),
        owner_now=owner_now,
    )
