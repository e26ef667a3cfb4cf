"""Answering approval requests as a named person: list, show, approve, deny, and mint a token for another face.

At a terminal a vote mints and spends in one transaction: no token exists that could leak. The name is what the person
at the terminal claims; every vote and its audit record say so ("claimed, not authenticated"). Roles come from the
policy file, so an answer is taken only under the very policy that the run was judged by: nobody can bring a file that
gives them a role.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from govflow.approval import ApprovalRequest, RequestState, Vote, VoteDecision, VoteOutcome, judge_vote
from govflow.errors import PolicyMismatch, RequestError
from govflow.identity import Principal
from govflow.services.workspace import Workspace

MOST = 1000  # requests listed at once
_REASON = 2000  # characters


@dataclass(frozen=True, slots=True)
class Question:
    """A request with the votes that count, and how many approvals are still needed."""

    request: ApprovalRequest
    votes: tuple[Vote, ...]

    @property
    def needed(self) -> int:
        """Approvals still needed; 0 unless it is pending."""
        if self.request.state is not RequestState.PENDING:
            return 0
        given = sum(vote.decision is VoteDecision.APPROVE for vote in self.votes)
        return max(0, self.request.rule.required - given)


def list_requests(workspace: Workspace, state: RequestState | None, limit: int = 50) -> list[ApprovalRequest]:
    """Requests of this tenant, newest first; in every state when ``state`` is None.

    Raises:
        RequestError: ``limit`` is outside 1 to :data:`MOST`.
    """
    if not 1 <= limit <= MOST:
        raise RequestError(f"limit {limit}: between 1 and {MOST} requests are listed.", mend="Give another limit.")
    return list(workspace.store.approvals.list(workspace.settings.tenant, state, limit))


def show_request(workspace: Workspace, request_id: str) -> Question:
    """One request of this tenant.

    Raises:
        RequestError: there is no such request in this tenant.
    """
    request = workspace.store.approvals.get(request_id)
    if request.binding.tenant != workspace.settings.tenant:
        # The same words as for an id that does not exist: another tenant's requests are none of ours.
        raise RequestError(
            f"There is no approval request {request_id!r}.",
            mend="`govflow approvals list` shows those there are.",
            details={"request_id": request_id},
        )
    return Question(request, tuple(workspace.store.approvals.votes(request_id)))


def other_policy(workspace: Workspace, request: ApprovalRequest) -> PolicyMismatch | None:
    """Why no answer to an open request counts here; None when the policy is the one that the run was judged by."""
    here, asked = workspace.engine.digest, request.binding.policy_digest
    if here == asked or request.state is not RequestState.PENDING:
        return None
    known = str(workspace.document.where) if workspace.explicit else "the starter policy, for none is configured"
    return PolicyMismatch(
        f"The policy here is {_short(here)} ({known}); the run was judged by {_short(asked)}. "
        "A policy says who has which role, so answers count under the run's own only.",
        mend="Run it with the policy that the run used: GOVFLOW_POLICY=/path/to/policy.yaml. "
        "If that file has changed since, start the run again.",
        details={"request_id": request.request_id, "here": here, "run": asked},
    )


def mint_token(workspace: Workspace, request_id: str, person: Principal, now: datetime, random: bytes) -> str:
    """A single-use secret with which ``person`` answers this request elsewhere: in Prefect's Resume form, over REST.

    Args:
        workspace: whose store and tenant.
        request_id: of a pending request.
        person: who will answer with it.
        now: the moment of minting.
        random: 32 bytes from the system's secure source.

    Returns:
        The secret. It is stored nowhere, so this is the only time that it can be had.

    Raises:
        VoteRefused: this person may not answer this request, or not under this policy; that it was tried is on record.
        RequestError: there is no such request.
    """
    show_request(workspace, request_id)
    return workspace.store.tokens.mint(
        request_id,
        person.name,
        selectors=person.selectors(),
        assurance=str(person.assurance),
        now=now,
        random=random,
        admit=lambda request: _same_policy(workspace, request),
    )


def decide(
    workspace: Workspace, request_id: str, person: Principal, decision: VoteDecision, reason: str, now: datetime
) -> Question:
    """Count one person's answer, once.

    Args:
        workspace: whose store and tenant.
        request_id: of the request.
        person: who answers; roles come from the policy file, never from the person.
        decision: approve or deny.
        reason: in the person's words, at most 2,000 characters.
        now: the moment of the answer.

    Returns:
        The request with the vote counted.

    Raises:
        VoteRefused: the vote does not count, or not under this policy; that it was tried is on record.
        RequestError: there is no such request, or the reason is too long.
    """
    if len(reason) > _REASON:
        raise RequestError(f"reason: longer than {_REASON} characters.", mend="Say it shorter.")
    show_request(workspace, request_id)

    def judge(request: ApprovalRequest, votes: Sequence[Vote], vote: Vote, selectors: frozenset[str], /) -> VoteOutcome:
        _same_policy(workspace, request)
        return judge_vote(request, votes, vote, selectors)

    request = workspace.store.approvals.vote(
        request_id,
        person.name,
        person.selectors(),
        str(person.assurance),
        decision,
        reason,
        now,
        judge,
    )
    return Question(request, tuple(workspace.store.approvals.votes(request_id)))


def _same_policy(workspace: Workspace, request: ApprovalRequest) -> None:
    refusal = other_policy(workspace, request)
    if refusal is not None:
        raise refusal


def _short(digest: str) -> str:
    return digest[: len("sha256:") + 12] + "…"
