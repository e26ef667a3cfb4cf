"""Approval requests: opening, voting, the exercise, and every other move. The rules are in the approval room."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import and_, case, or_, select, update

from govflow.approval.models import ApprovalRequest, Binding, RequestState, Vote, VoteDecision, VoteKind
from govflow.audit.record import Draft
from govflow.errors import RequestError, TooManyAttempts, VoteRefused
from govflow.store import attempts, requests
from govflow.store.attempts import Limit
from govflow.store.ballots import Judge, cast, refuse
from govflow.store.delegations import SelectorsOf
from govflow.store.engine import Database
from govflow.store.tables import APPROVAL_REQUEST as REQUEST
from govflow.store.tables import NO_MAP_INDEX
from govflow.store.times import micros
from govflow.store.watch import Watch
from govflow.store.writer import Writer

OUTCOMES: Final = frozenset({"succeeded", "failed", "uncertain", "suspended"})
"""How an exercised step can end. While it runs, or if nobody knows, its outcome is ``open``.

One that is suspended was left on purpose, so that another executor goes on with it: the body of a flow, or a plan.
"""

_MOVABLE: Final = frozenset({RequestState.EXPIRED, RequestState.REVOKED, RequestState.VOIDED})

Requests = list[ApprovalRequest]
Votes = list[Vote]
Ids = list[str]


class Approvals:
    """Requests and votes. Each transition is one conditional UPDATE in the transaction of its audit record."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def open(self, request: ApprovalRequest, draft: Draft) -> ApprovalRequest:
        """Put a question to people, or find it put already.

        A pending or approved request with the same binding, whose time is not over at ``request.created_at``, is
        returned and nothing is written.

        Args:
            request: a pending one.
            draft: its ``ir.approval_created`` record.

        Raises:
            RequestError: the id is taken by a request for something else, or the values make no sense.
        """
        if request.state is not RequestState.PENDING or request.expires_at <= request.created_at:
            raise RequestError("A request opens pending, and expires after it is opened.")
        _expect(draft, "ir.approval_created", request.binding.tenant)
        columns = requests.binding_columns(request.binding)
        same = [REQUEST.c[name] == value for name, value in columns.items()]
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            rows = connection.execute(
                select(REQUEST).where(*same, REQUEST.c.state.in_(requests.OPEN_STATES))
            ).mappings()
            for found in [requests.request_of(row) for row in rows]:
                if not requests.expire_if_due(transaction, found, request.created_at):
                    return found
            taken = connection.execute(select(REQUEST).where(REQUEST.c.request_id == request.request_id)).first()
            if taken is not None:
                raise RequestError(
                    f"The request id {request.request_id!r} is taken.", details={"request_id": request.request_id}
                )
            requests.add(connection, request)
            transaction.record(draft)
        return request

    def get(self, request_id: str) -> ApprovalRequest:
        """The request as it stands. ``RequestError`` if there is none."""
        with self._db.reading() as connection:
            return requests.read(connection, request_id)

    def find(self, tenant: str, run_id: str, step_id: str, map_index: int | None = None) -> Requests:
        """Every request ever opened for a step of a run, newest first."""
        index = NO_MAP_INDEX if map_index is None else map_index
        place = {"tenant": tenant, "run_id": run_id, "step_id": step_id, "map_index": index}
        where = [REQUEST.c[name] == value for name, value in place.items()]
        statement = select(REQUEST).where(*where).order_by(REQUEST.c.ordinal.desc())
        with self._db.reading() as connection:
            return [requests.request_of(row) for row in connection.execute(statement).mappings()]

    def of_step(self, tenant: str, run_id: str, step_id: str) -> Requests:
        """Every request ever opened for a step of a run, whatever its map index, newest first."""
        where = (REQUEST.c.tenant == tenant, REQUEST.c.run_id == run_id, REQUEST.c.step_id == step_id)
        statement = select(REQUEST).where(*where).order_by(REQUEST.c.ordinal.desc())
        with self._db.reading() as connection:
            return [requests.request_of(row) for row in connection.execute(statement).mappings()]

    def votes(self, request_id: str) -> Votes:
        """The votes that counted when they were cast, first cast first; those that were taken out since say so."""
        with self._db.reading() as connection:
            return requests.votes(connection, request_id)

    def vote(
        self,
        request_id: str,
        principal_name: str,
        selectors: frozenset[str],
        assurance: str,
        decision: VoteDecision,
        reason: str,
        now: datetime,
        judge: Judge,
        *,
        kind: VoteKind = VoteKind.VOTE,
        limit: Limit | None = None,
        selectors_of: SelectorsOf | None = None,
    ) -> ApprovalRequest:
        """Count a person's answer.

        Args:
            request_id: of the request.
            principal_name: who answers.
            selectors: what a rule may name that person by.
            assurance: how the person's identity was established, in words.
            decision: approve or deny.
            reason: in the person's words.
            now: the moment that decides whether the request is still open.
            judge: :func:`govflow.approval.rules.judge_vote`.
            kind: by what right.
            limit: how many wrong answers are taken, and of whom.
            selectors_of: what others are, by name, who may have let this person answer in their stead.

        Returns:
            The request with the state that the vote led to.

        Raises:
            VoteRefused: the answer does not count; that it was tried is on record.
            TooManyAttempts: it was not looked at.
            RequestError: there is no such request.
        """
        vote = Vote(
            request_id=request_id,
            principal=principal_name,
            assurance=assurance,
            decision=decision,
            reason=reason,
            at=now,
            kind=kind,
            selectors=tuple(sorted(selectors)),
        )
        try:
            with self._writer.transaction() as transaction:
                tenant = requests.read(transaction.connection, request_id).binding.tenant
                attempts.check(transaction.connection, tenant, limit, now)
                return cast(transaction, vote, selectors, judge, selectors_of)
        except TooManyAttempts:
            raise
        except VoteRefused as refusal:
            said: dict[str, JsonValue] = {"code": refusal.code, "assurance": assurance}
            refuse(self._writer, request_id, principal_name, now, {**said, "decision": decision.value}, limit)
            raise

    def claim(
        self, request_id: str, binding: Binding, executor: str, now: datetime, attempts_allowed: int, draft: Draft
    ) -> bool:
        """Exercise an approved request, once: from now on ``executor`` may run what ``binding`` names.

        Args:
            request_id: of the request.
            binding: of the step that is about to run; must be that of the request in every field.
            executor: name of whoever runs it; only the same one may use further attempts.
            now: before the request expires.
            attempts_allowed: 1, and the automatic retries that the plan declares.
            draft: its ``ir.approval_consumed`` record.

        Returns:
            Whether this call, and no other, exercised it.
        """
        if attempts_allowed < 1:
            raise ValueError("an exercise is for one attempt at least")
        _expect(draft, "ir.approval_consumed", binding.tenant)
        demanded = [REQUEST.c[name] == value for name, value in requests.binding_columns(binding).items()]
        statement = (
            update(REQUEST)
            .where(
                REQUEST.c.request_id == request_id,
                REQUEST.c.state == RequestState.APPROVED.value,
                REQUEST.c.expires_at > micros(now),
                *demanded,
            )
            .values(
                state=RequestState.EXERCISED.value,
                state_at=micros(now),
                state_reason="",
                executor=executor,
                attempts_allowed=attempts_allowed,
                attempts_used=1,
                outcome="open",
            )
        )
        with self._writer.transaction() as transaction:
            if transaction.connection.execute(statement).rowcount != 1:
                return False
            transaction.record(draft)
        return True

    def claim_retry(self, request_id: str, binding: Binding, executor: str, now: datetime) -> bool:
        """Use one more attempt of an exercise; whether there was one left for this executor and this binding.

        One that was suspended is taken over by whoever goes on with it, once, and costs no attempt.
        """
        left = REQUEST.c.outcome == "suspended"
        own = and_(
            REQUEST.c.executor == executor,
            REQUEST.c.attempts_used < REQUEST.c.attempts_allowed,
            REQUEST.c.outcome.in_(("open", "failed")),
        )
        statement = (
            update(REQUEST)
            .where(
                REQUEST.c.request_id == request_id,
                REQUEST.c.state == RequestState.EXERCISED.value,
                or_(left, own),
                *(REQUEST.c[name] == value for name, value in requests.binding_columns(binding).items()),
            )
            .values(attempts_used=REQUEST.c.attempts_used + case((left, 0), else_=1), outcome="open", executor=executor)
        )
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            if connection.execute(statement).rowcount != 1:
                return False
            used = connection.execute(
                select(REQUEST.c.attempts_used).where(REQUEST.c.request_id == request_id)
            ).scalar_one()
            request = requests.read(connection, request_id)
            payload: dict[str, JsonValue] = {"executor": executor, "attempts_used": used}
            transaction.record(requests.about(request, "approval.retried", now, payload=payload))
        return True

    def outcome(self, request_id: str, outcome: str, now: datetime) -> bool:
        """Say how the exercised step ended, one of :data:`OUTCOMES`; whether it was open until now."""
        if outcome not in OUTCOMES:
            raise ValueError(f"an outcome is one of {sorted(OUTCOMES)}, not {outcome!r}")
        statement = (
            update(REQUEST)
            .where(
                REQUEST.c.request_id == request_id,
                REQUEST.c.state == RequestState.EXERCISED.value,
                REQUEST.c.outcome == "open",
            )
            .values(outcome=outcome)
        )
        with self._writer.transaction() as transaction:
            if transaction.connection.execute(statement).rowcount != 1:
                return False
            request = requests.read(transaction.connection, request_id)
            transaction.record(requests.about(request, "approval.outcome", now, payload={"outcome": outcome}))
        return True

    def outcome_of(self, request_id: str) -> str | None:
        """``open`` or one of :data:`OUTCOMES`; ``None`` while the request is not exercised."""
        with self._db.reading() as connection:
            statement = select(REQUEST.c.outcome).where(REQUEST.c.request_id == request_id)
            return connection.execute(statement).scalar_one_or_none()

    def pending_ids(self, tenant: str, run_id: str) -> Ids:
        """Ids of the requests of a run that wait for an answer, first opened first."""
        with closing(Watch(self._db)) as watch:
            return watch.pending(tenant, [run_id])[run_id]

    def why(self, request_id: str) -> str:
        """The reason of the last move of a request, in words; empty where none was given."""
        with self._db.reading() as connection:
            statement = select(REQUEST.c.state_reason).where(REQUEST.c.request_id == request_id)
            return str(connection.execute(statement).scalar_one_or_none() or "")

    def move(
        self,
        request_id: str,
        to: RequestState,
        now: datetime,
        reason: str,
        event: str,
        *,
        subject: str = "govflow",
    ) -> bool:
        """Expire, revoke or void an open request; whether it was open. Other states are reached by their own acts."""
        if to not in _MOVABLE:
            raise ValueError(f"a request becomes {to} by its own act, not by a move")
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            request = requests.read(connection, request_id)
            if not requests.move(connection, request_id, to, now, reason):
                return False
            transaction.record(requests.about(request, event, now, subject=subject, payload={"reason": reason}))
        return True

    def expire_due(self, now: datetime) -> Requests:
        """Expire every open request whose time is over, unused approvals too; those that this call expired."""
        due = select(REQUEST).where(REQUEST.c.state.in_(requests.OPEN_STATES), REQUEST.c.expires_at <= micros(now))
        with self._db.reading() as connection:
            if connection.execute(due.limit(1)).first() is None:
                return []
        expired = []
        with self._writer.transaction() as transaction:
            rows = transaction.connection.execute(due.order_by(REQUEST.c.ordinal)).mappings()
            for request in list(requests.readable(rows)):
                if requests.expire_if_due(transaction, request, now):
                    expired.append(request.model_copy(update={"state": RequestState.EXPIRED}))
        return expired

    def pending_of_run(self, tenant: str, run_id: str) -> Requests:
        """The requests of a run that wait for an answer, first opened first."""
        where = (REQUEST.c.tenant == tenant, REQUEST.c.run_id == run_id)
        pending = REQUEST.c.state == RequestState.PENDING.value
        statement = select(REQUEST).where(*where, pending).order_by(REQUEST.c.ordinal)
        with self._db.reading() as connection:
            return [requests.request_of(row) for row in connection.execute(statement).mappings()]

    # Last in the class: from here on ``list`` is this method.
    def list(self, tenant: str, state: RequestState | None = None, limit: int = 50, offset: int = 0) -> Requests:
        """The requests of a tenant, newest first, in one state if given."""
        statement = select(REQUEST).where(REQUEST.c.tenant == tenant)
        if state is not None:
            statement = statement.where(REQUEST.c.state == state.value)
        statement = statement.order_by(REQUEST.c.ordinal.desc()).limit(limit).offset(offset)
        with self._db.reading() as connection:
            return [requests.request_of(row) for row in connection.execute(statement).mappings()]


def _expect(draft: Draft, event: str, tenant: str) -> None:
    if draft.event != event or draft.tenant != tenant:
        raise ValueError(f"this act is recorded as {event} in the log of {tenant!r}")
