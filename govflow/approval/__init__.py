"""Approval: requests to people, their votes, and the run's claim. Pure; ``docs/approvals.md`` tells it to users."""

from govflow.approval.exercise import judge_exercise
from govflow.approval.models import (
    MOVES,
    ApprovalRequest,
    ApprovalRule,
    Binding,
    RequestState,
    Vote,
    VoteDecision,
)
from govflow.approval.moves import is_final, move
from govflow.approval.people import same_person
from govflow.approval.requests import expiry, is_overdue, open_request, parameters_digest, void_reason
from govflow.approval.rules import VoteOutcome, eligible, judge_vote, rule_from
from govflow.approval.satisfiable import unsatisfiable
from govflow.approval.tokens import (
    SECRET_PATTERN,
    TokenCause,
    TokenGrant,
    check_token,
    grant_token,
    mint,
    same_digest,
    token_digest,
)

__all__ = [
    "MOVES",
    "SECRET_PATTERN",
    "ApprovalRequest",
    "ApprovalRule",
    "Binding",
    "RequestState",
    "TokenCause",
    "TokenGrant",
    "Vote",
    "VoteDecision",
    "VoteOutcome",
    "check_token",
    "eligible",
    "expiry",
    "grant_token",
    "is_final",
    "is_overdue",
    "judge_exercise",
    "judge_vote",
    "mint",
    "move",
    "open_request",
    "parameters_digest",
    "rule_from",
    "same_digest",
    "same_person",
    "token_digest",
    "unsatisfiable",
    "void_reason",
]
