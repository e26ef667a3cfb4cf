"""Approval: requests to people, their votes, and the run's claim. Pure; ``docs/approvals.md`` tells it to users."""

from govflow.approval.break_glass import judge_break_glass
from govflow.approval.delegations import check_delegation, path
from govflow.approval.effective import rule_for, rule_for_deeds
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
from govflow.approval.progress import Progress, progress
from govflow.approval.requests import expiry, is_overdue, open_request, parameters_digest, void_reason
from govflow.approval.rules import VoteOutcome, eligible, judge_vote, rule_from
from govflow.approval.satisfiable import unsatisfiable
from govflow.approval.standing import why_not_covered
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
from govflow.approval.wording import progress_text, who_may

__all__ = [
    "MOVES",
    "SECRET_PATTERN",
    "ApprovalRequest",
    "ApprovalRule",
    "Binding",
    "Progress",
    "RequestState",
    "TokenCause",
    "TokenGrant",
    "Vote",
    "VoteDecision",
    "VoteOutcome",
    "check_delegation",
    "check_token",
    "eligible",
    "expiry",
    "grant_token",
    "is_final",
    "is_overdue",
    "judge_break_glass",
    "judge_exercise",
    "judge_vote",
    "mint",
    "move",
    "open_request",
    "parameters_digest",
    "path",
    "progress",
    "progress_text",
    "rule_for",
    "rule_for_deeds",
    "rule_from",
    "same_digest",
    "same_person",
    "token_digest",
    "unsatisfiable",
    "void_reason",
    "who_may",
    "why_not_covered",
]
