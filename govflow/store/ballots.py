"""Casting one vote: read, judge, insert, move and record, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pydantic import JsonValue

from govflow.approval.models import ApprovalRequest, RequestState, Vote, VoteDecision, VoteKind
from govflow.approval.people import person_key
from govflow.errors import NotEligible, RequestClosed
from govflow.store import attempts, requests, reviews
from govflow.store.attempts import Limit
from govflow.store.commits import Transaction
from govflow.store.delegations import SelectorsOf, right_of
from govflow.store.people import inactive_people
from govflow.store.tables import APPROVAL_REQUEST as REQUEST
from govflow.store.times import micros
from govflow.store.writer import Writer


class Judged(Protocol):
    """What a vote leads to."""

    @property
    def state(self) -> RequestState:
        """The state of the request with the vote counted."""


class Judge(Protocol):
    """The rules for votes (:mod:`govflow.approval.rules`); raises ``VoteRefused`` for a vote that does not count."""

    def __call__(
        self, request: ApprovalRequest, votes: Sequence[Vote], vote: Vote, selectors: frozenset[str], /
    ) -> Judged:
        """Judge ``vote`` after ``votes``."""


def cast(
    transaction: Transaction,
    vote: Vote,
    selectors: frozenset[str],
    judge: Judge,
    selectors_of: SelectorsOf | None = None,
) -> ApprovalRequest:
    """Count a vote, or raise ``VoteRefused`` and leave everything as it was.

    Whether somebody let the voter answer in their stead is found out here, in the transaction in which it counts.
    """
    connection, now = transaction.connection, vote.at
    request = requests.read(connection, vote.request_id)
    if person_key(vote.principal) in inactive_people(connection, request.binding.tenant):
        # Also with a token that was made before.
        who = {"request_id": vote.request_id, "principal": vote.principal}
        raise NotEligible(f"{vote.principal} was deactivated.", mend="Ask somebody else.", details=who)
    before = requests.votes(connection, vote.request_id)
    if vote.kind is VoteKind.VOTE:
        approves = vote.decision is VoteDecision.APPROVE
        right = right_of(connection, request, vote.principal, selectors, selectors_of, now, before, approves)
        handed_on = {"through": right.through, "through_selectors": tuple(sorted(right.selectors))}
        vote = vote.model_copy(update=handed_on)
    if request.state is RequestState.PENDING and request.expires_at <= now:
        raise RequestClosed("The request has expired.", details={"request_id": request.request_id})
    state = judge(request, before, vote, selectors).state
    requests.add_vote(connection, vote, before)
    if state is not RequestState.PENDING:
        alive = (REQUEST.c.state == RequestState.PENDING.value, REQUEST.c.expires_at > micros(now))
        if not requests.move(connection, request.request_id, state, now, vote.reason, *alive):
            raise RequestClosed(details={"request_id": request.request_id})
    if vote.kind is VoteKind.BREAK_GLASS:
        reviews.begin(transaction, request, vote)
    said: dict[str, JsonValue] = {"decision": vote.decision.value, "assurance": vote.assurance}
    if vote.through:
        said["through"] = list(vote.through)
    if vote.kind is not VoteKind.VOTE:
        said["kind"] = vote.kind.value
    # What a person writes may name other people: it can be erased, the vote cannot.
    words: dict[str, JsonValue] = {"reason": vote.reason} if vote.reason else {}
    subject = vote.principal
    transaction.record(requests.about(request, "approval.vote", now, subject=subject, payload=said, values=words))
    if state is RequestState.APPROVED:
        people: list[JsonValue] = []
        yes = [one for one in [*before, vote] if one.decision is VoteDecision.APPROVE]
        people += sorted(one.principal for one in yes if one.kind is not VoteKind.WITHDRAWN)
        payload: dict[str, JsonValue] = {"approved_by": people}
        transaction.record(requests.about(request, "approval.granted", now, subject=subject, payload=payload))
    elif state is RequestState.DENIED:
        transaction.record(requests.about(request, "approval.denied", now, subject=subject))
    return request.model_copy(update={"state": state})


def refuse(
    writer: Writer,
    request_id: str,
    principal: str,
    now: datetime,
    payload: Mapping[str, JsonValue],
    limit: Limit | None = None,
) -> None:
    """Put on record that an answer did not count, and why; also that the request's time is over, if it is."""
    with writer.transaction() as transaction:
        request = requests.read(transaction.connection, request_id)
        attempts.count(transaction, request.binding.tenant, limit, principal, now)
        requests.expire_if_due(transaction, request, now)
        transaction.record(requests.about(request, "approval.vote_refused", now, subject=principal, payload=payload))
