"""Casting one vote: read, judge, insert, move and record, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pydantic import JsonValue

from govflow.approval.models import ApprovalRequest, RequestState, Vote, VoteDecision
from govflow.errors import RequestClosed
from govflow.store import requests
from govflow.store.tables import APPROVAL_REQUEST as REQUEST
from govflow.store.times import micros
from govflow.store.writer import Transaction, Writer


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


def cast(transaction: Transaction, vote: Vote, selectors: frozenset[str], judge: Judge) -> ApprovalRequest:
    """Count a vote, or raise ``VoteRefused`` and leave everything as it was."""
    connection, now = transaction.connection, vote.at
    request = requests.read(connection, vote.request_id)
    before = requests.votes(connection, vote.request_id)
    if request.state is RequestState.PENDING and request.expires_at <= now:
        raise RequestClosed("The request has expired.", details={"request_id": request.request_id})
    state = judge(request, before, vote, selectors).state
    requests.add_vote(connection, vote, before)
    if state is not RequestState.PENDING:
        alive = (REQUEST.c.state == RequestState.PENDING.value, REQUEST.c.expires_at > micros(now))
        if not requests.move(connection, request.request_id, state, now, vote.reason, *alive):
            raise RequestClosed(details={"request_id": request.request_id})
    said: dict[str, JsonValue] = {"decision": vote.decision.value, "assurance": vote.assurance}
    # What a person writes may name other people: it can be erased, the vote cannot.
    words: dict[str, JsonValue] = {"reason": vote.reason} if vote.reason else {}
    subject = vote.principal
    transaction.record(requests.about(request, "approval.vote", now, subject=subject, payload=said, values=words))
    if state is RequestState.APPROVED:
        people: list[JsonValue] = []
        people += sorted(one.principal for one in [*before, vote] if one.decision is VoteDecision.APPROVE)
        payload: dict[str, JsonValue] = {"approved_by": people}
        transaction.record(requests.about(request, "approval.granted", now, subject=subject, payload=payload))
    elif state is RequestState.DENIED:
        transaction.record(requests.about(request, "approval.denied", now, subject=subject))
    return request.model_copy(update={"state": state})


def refuse(writer: Writer, request_id: str, principal: str, now: datetime, payload: Mapping[str, JsonValue]) -> None:
    """Put on record that an answer did not count, and why; also that the request's time is over, if it is."""
    with writer.transaction() as transaction:
        request = requests.read(transaction.connection, request_id)
        requests.expire_if_due(transaction, request, now)
        transaction.record(requests.about(request, "approval.vote_refused", now, subject=principal, payload=payload))
