"""Short ways to say rules of several stages, and to play votes on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from govflow.approval.models import ApprovalRequest, ApprovalRule, Delegation, Group, Stage, Vote, VoteDecision
from govflow.approval.rules import VoteOutcome, judge_vote
from tests.approval.build import NOW, asked, vote


def group(name: str, *approvers: str, required: int = 1) -> Group:
    return Group(name=name, approvers=approvers, required=required)


def stage(name: str, *groups: Group, **changes: Any) -> Stage:
    return Stage(name=name, groups=groups, **changes)


def chain(*stages: Stage, **changes: Any) -> ApprovalRule:
    return ApprovalRule(name="chain", stages=stages, **changes)


def asks(rule: ApprovalRule, **changes: Any) -> ApprovalRequest:
    """A pending request by alice under that rule."""
    return asked(rule=rule, **changes)


class Play:
    """A request and the votes on it, cast one after the other as the store would."""

    def __init__(self, request: ApprovalRequest) -> None:
        self.request = request
        self.votes: list[Vote] = []

    def cast(
        self,
        name: str,
        *selectors: str,
        decision: VoteDecision = VoteDecision.APPROVE,
        through: Sequence[str] = (),
        through_selectors: Sequence[str] = (),
        seconds: float | None = None,
    ) -> VoteOutcome:
        new = vote(
            name,
            decision,
            seconds=len(self.votes) + 1 if seconds is None else seconds,
            selectors=selectors,
            through=tuple(through),
            through_selectors=tuple(through_selectors),
        )
        outcome = judge_vote(self.request, self.votes, new, frozenset(selectors))
        self.votes.append(new)
        self.request = self.request.model_copy(update={"state": outcome.state})
        return outcome


def delegation(giver: str, taker: str, *, seconds: float = 86400, **changes: Any) -> Delegation:
    """Of all requests of the tenant, from NOW for a day."""
    fields: dict[str, Any] = {
        "delegation_id": f"{giver}-{taker}",
        "tenant": "acme",
        "giver": giver,
        "taker": taker,
        "created_at": NOW,
        "expires_at": NOW + timedelta(seconds=seconds),
    }
    return Delegation.model_validate({**fields, **changes})
