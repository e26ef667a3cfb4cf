"""Answering approval requests as a named person: list, show, approve, deny, and mint a token for another face.

At a terminal a vote mints and spends in one transaction: no token exists that could leak. The name is what the person
at the terminal claims; every vote and its audit record say so ("claimed, not authenticated"). Roles come from the
policy file, so an answer is taken only under the very policy that the run was judged by: nobody can bring a file that
gives them a role.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime

from govflow.approval import (
    ApprovalRequest,
    ApprovalRule,
    RequestState,
    Vote,
    VoteDecision,
    VoteOutcome,
    judge_vote,
    progress,
)
from govflow.approval.selectors import EVERYONE
from govflow.approval.stages import asked_selectors
from govflow.errors import NotEligible, PolicyMismatch, RequestError
from govflow.identity import Principal, PrincipalKind
from govflow.services.answer_limit import limit_of_person
from govflow.services.selectors_now import lasting_selectors, need_not_lost, selectors_now
from govflow.services.workspace import Workspace
from govflow.telemetry import redact_text

MOST = 1000  # requests listed at once
_REASON = 2000  # characters


@dataclass(frozen=True, slots=True)
class Question:
    """A request with the votes that count, and how many people are still needed."""

    request: ApprovalRequest
    votes: tuple[Vote, ...]

    @property
    def needed(self) -> int:
        """The fewest further people who could approve it; 0 unless it is pending."""
        return progress(self.request, self.votes, self.request.created_at).needed


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


def other_policy(
    workspace: Workspace, request: ApprovalRequest, states: Container[RequestState] = (RequestState.PENDING,)
) -> PolicyMismatch | None:
    """Why no answer to a request counts here; None when the policy is the one that the run was judged by.

    Nor is there one for a request in another state than ``states``: it is closed, which is told first.
    """
    here, asked = workspace.engine.digest, request.binding.policy_digest
    if here == asked or request.state not in states:
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
        VoteRefused: this person may not answer this request, or not under this policy, or only by a role that lasts no
            longer than what vouches for it now; that it was tried is on record.
        TooManyAttempts: of this person too many answers were wrong of late.
        RequestError: there is no such request.
    """
    show_request(workspace, request_id)
    lasting = lasting_selectors(workspace, person.name, now, person.selectors())

    def admit(request: ApprovalRequest) -> None:
        same_policy(workspace, request)
        need_named_machine(request.rule, person)
        if not asked_selectors(request.rule) & lasting:
            lost = (
                "Only the token of another system says that {name} has the {what}, and it says so of this call alone."
            )
            mend = "Answer with that token itself, over REST."
            need_not_lost(request, person.name, person.selectors(), lasting, lost, mend)

    return workspace.store.tokens.mint(
        request_id,
        person.name,
        selectors=lasting,
        assurance=str(person.assurance),
        now=now,
        random=random,
        admit=admit,
        limit=limit_of_person(workspace, person),
        selectors_of=selectors_now(workspace),
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
        TooManyAttempts: of this person too many answers were wrong of late.
        RequestError: there is no such request, or the reason is too long.
    """
    reason = kept_reason(reason)
    show_request(workspace, request_id)

    def judge(request: ApprovalRequest, votes: Sequence[Vote], vote: Vote, selectors: frozenset[str], /) -> VoteOutcome:
        same_policy(workspace, request)
        need_named_machine(request.rule, person)
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
        limit=limit_of_person(workspace, person),
        selectors_of=selectors_now(workspace),
    )
    return Question(request, tuple(workspace.store.approvals.votes(request_id)))


def is_unnamed_machine(rule: ApprovalRule, person: Principal) -> bool:
    """Whether it is a machine account that a rule lets in as anybody: ``*`` stands for people.

    Else whoever holds the key of a machine would be two people.
    """
    asked = asked_selectors(rule)
    return person.kind is PrincipalKind.MACHINE and EVERYONE in asked and not asked & person.selectors()


def need_named_machine(rule: ApprovalRule, person: Principal) -> None:
    """A machine account answers where a rule names it: by its name, a role or a group.

    Raises:
        NotEligible: it is one that the rule does not name.
    """
    if is_unnamed_machine(rule, person):
        raise NotEligible(
            f"{person.name} is a machine account, and '*' stands for people.",
            mend=f"Ask a person, or name it in approval rule {rule.name!r} by its name, a role or a group.",
            details={"principal": person.name},
        )


def kept_reason(reason: str) -> str:
    """A reason as it goes on record, where everybody reads it: secrets masked, the token of another request for one.

    A NUL is left out: a PostgreSQL server takes none.

    Raises:
        RequestError: it is longer than 2,000 characters.
    """
    if len(reason) > _REASON:
        raise RequestError(f"reason: longer than {_REASON} characters.", mend="Say it shorter.")
    return redact_text(reason.replace("\0", ""))


def same_policy(
    workspace: Workspace, request: ApprovalRequest, states: Container[RequestState] = (RequestState.PENDING,)
) -> None:
    """Answers count under the policy that the run was judged by, and under no other.

    Raises:
        PolicyMismatch: the policy here is another one, and the request is in one of ``states``.
    """
    refusal = other_policy(workspace, request, states)
    if refusal is not None:
        raise refusal


def _short(digest: str) -> str:
    return digest[: len("sha256:") + 12] + "…"
