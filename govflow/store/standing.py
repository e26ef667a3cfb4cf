"""Standing approvals: proposed as a request of their own, and used by runs, each once.

A use and the request that it opens and approves are one transaction: the counter, the run that it is counted for, the
request and its records happen together or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import Connection, RowMapping, insert, select, update

from govflow.approval.models import ApprovalRequest, RequestState, Standing, Vote, VoteDecision, VoteKind
from govflow.approval.people import same_person
from govflow.approval.standing import why_not_covered, why_refused
from govflow.audit.record import Draft
from govflow.errors import RequestError
from govflow.store import requests
from govflow.store.commits import Transaction
from govflow.store.engine import Database
from govflow.store.tables import APPROVAL_REQUEST as REQUEST
from govflow.store.tables import STANDING
from govflow.store.tables import STANDING_USE as USE
from govflow.store.times import micros, moment
from govflow.store.writer import Writer

Standings = list[tuple[Standing, ApprovalRequest]]


def is_standing(request: ApprovalRequest) -> bool:
    """Whether a request asks for a standing approval, and no run waits for it."""
    return request.binding.run_id.startswith(requests.STANDING_RUN)


class StandingApprovals:
    """Proposing, listing and using. People answer, and take back, as with any other request."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def propose(self, standing: Standing, request: ApprovalRequest, draft: Draft) -> None:
        """Put a standing approval to people.

        Args:
            standing: what it would let through.
            request: its question, pending, with the same id and end.
            draft: its ``ir.approval_created`` record.

        Raises:
            RequestError: the same one is asked for, or in force, already.
        """
        if (standing.request_id, standing.expires_at) != (request.request_id, request.expires_at):
            raise ValueError("a standing approval and its request have one id and one end")
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            for held, asked in _of_step(connection, standing):
                same = (held.constraint, held.max_runs, held.expires_at) == (
                    standing.constraint,
                    standing.max_runs,
                    standing.expires_at,
                )
                if same and asked.state.value in requests.OPEN_STATES and held.expires_at > request.created_at:
                    raise RequestError(
                        f"The same standing approval is {asked.state.value} already: {asked.request_id}.",
                        mend=f"See it: govflow approvals show {asked.request_id}",
                        details={"request_id": asked.request_id},
                    )
            requests.add(connection, request)
            connection.execute(
                insert(STANDING).values(
                    request_id=standing.request_id,
                    tenant=standing.tenant,
                    flow=standing.flow,
                    step_id=standing.step_id,
                    plan_hash=standing.plan_hash,
                    policy_digest=standing.policy_digest,
                    terms=json.dumps(dict(standing.constraint)),
                    max_runs=standing.max_runs,
                    used=0,
                    expires_at=micros(standing.expires_at),
                    revoked_at=None,
                )
            )
            transaction.record(draft)

    def get(self, request_id: str) -> tuple[Standing, ApprovalRequest]:
        """One, with its request as it stands; ``RequestError`` if there is none."""
        with self._db.reading() as connection:
            rows = connection.execute(_JOINED.where(STANDING.c.request_id == request_id)).mappings().all()
            if not rows:
                raise RequestError(
                    f"There is no standing approval {request_id!r}.",
                    mend="`govflow approvals standing` shows those there are.",
                    details={"request_id": request_id},
                )
            return _found(connection, rows[0])

    # Before ``list``: from there on that name is the method.
    def use(
        self,
        request: ApprovalRequest,
        draft: Draft,
        *,
        plan_hash: str,
        parameters: Callable[[], Mapping[str, JsonValue]],
    ) -> ApprovalRequest | None:
        """Open and approve a request under a standing approval, if one covers it; a run counts once.

        It covers the same step of the same plan under the same policy, asked of the same people at no higher tier,
        with parameters that its constraint admits, for a run that nobody of those who approved it asked for or owns.

        Args:
            request: what people would be asked, pending.
            draft: its ``ir.approval_created`` record.
            plan_hash: of the plan that the run is of.
            parameters: makes those of the call that may be compared, none of them a secret; asked only where a
                standing approval is in force for the step.

        Returns:
            The request, approved; None where nothing covers it. Nothing was written then, but that one was refused
            because somebody who had approved it was deactivated.
        """
        at, now = request.binding, request.created_at
        with self._db.reading() as connection:
            if not _in_force(connection, request, plan_hash):
                return None
        shown = parameters()
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            asked_already = [REQUEST.c[name] == value for name, value in requests.binding_columns(at).items()]
            if connection.execute(
                select(REQUEST.c.request_id).where(*asked_already, REQUEST.c.state.in_(requests.OPEN_STATES))
            ).first():
                return None  # people have been asked, or have answered
            refused: list[Standing] = []
            for standing, terms in _in_force(connection, request, plan_hash):
                before = _used_by(connection, standing, at.run_id)
                held = standing.model_copy(update={"used": standing.used - before})
                if not _covers(held, terms, request, plan_hash, shown):
                    continue
                if standing.withdrawn:
                    refused.append(standing)
                    continue
                if not before and not _count(connection, standing, at.run_id, now):
                    continue
                return _opened_approved(transaction, request, draft, standing, now)
            for standing in refused:
                said: dict[str, JsonValue] = {"standing": standing.request_id, "why": why_refused(standing)}
                transaction.record(requests.about(request, "approval.standing_refused", now, payload=said))
        return None

    def list(self, tenant: str, limit: int = 50) -> Standings:
        """Those of a tenant with their requests as they stand, the newest first."""
        statement = _JOINED.where(STANDING.c.tenant == tenant).order_by(REQUEST.c.ordinal.desc()).limit(limit)
        with self._db.reading() as connection:
            return [_found(connection, row) for row in connection.execute(statement).mappings().all()]


def end(connection: Connection, request_id: str, now: datetime) -> None:
    """A request was taken back: if it was for a standing approval, that one is not in force any more."""
    still = (STANDING.c.request_id == request_id, STANDING.c.revoked_at.is_(None))
    connection.execute(update(STANDING).where(*still).values(revoked_at=micros(now)))


_JOINED: Final = select(STANDING, REQUEST.c.document, REQUEST.c.state).join(
    REQUEST, REQUEST.c.request_id == STANDING.c.request_id
)


def _found(connection: Connection, row: RowMapping) -> tuple[Standing, ApprovalRequest]:
    votes = requests.votes(connection, row["request_id"])
    return (
        Standing(
            request_id=row["request_id"],
            tenant=row["tenant"],
            flow=row["flow"],
            step_id=row["step_id"],
            plan_hash=row["plan_hash"],
            policy_digest=row["policy_digest"],
            constraint=json.loads(row["terms"]),
            max_runs=row["max_runs"],
            used=row["used"],
            expires_at=moment(row["expires_at"]),
            # Whoever let another vote answers for it as much as the one who did.
            approved_by=tuple(
                dict.fromkeys(
                    name
                    for vote in votes
                    if vote.decision is VoteDecision.APPROVE
                    for name in (vote.principal, *vote.through)
                )
            ),
            withdrawn=tuple(_whose(vote) for vote in votes if vote.kind is VoteKind.WITHDRAWN),
        ),
        requests.request_of(row),
    )


def _whose(vote: Vote) -> str:
    return f"{vote.principal} (for {vote.through[0]})" if vote.through else vote.principal


def _of_step(connection: Connection, wanted: Standing) -> Standings:
    names = ("tenant", "flow", "step_id", "plan_hash", "policy_digest")
    where = [STANDING.c[name] == getattr(wanted, name) for name in names]
    rows = connection.execute(_JOINED.where(*where).order_by(STANDING.c.expires_at)).mappings().all()
    return [_found(connection, row) for row in rows]


def _in_force(connection: Connection, request: ApprovalRequest, plan_hash: str) -> Standings:
    at = request.binding
    where = {"tenant": at.tenant, "flow": at.flow, "step_id": at.step_id, "plan_hash": plan_hash}
    statement = _JOINED.where(
        *(STANDING.c[name] == value for name, value in where.items()),
        STANDING.c.policy_digest == at.policy_digest,
        STANDING.c.expires_at > micros(request.created_at),
        STANDING.c.revoked_at.is_(None),
        REQUEST.c.state == RequestState.APPROVED.value,
    )
    rows = connection.execute(statement.order_by(STANDING.c.expires_at, STANDING.c.request_id)).mappings().all()
    return [_found(connection, row) for row in rows]


def _covers(
    standing: Standing, terms: ApprovalRequest, asked: ApprovalRequest, plan_hash: str, shown: Mapping[str, Any]
) -> bool:
    if asked.rule != terms.rule or asked.tier > terms.tier:
        return False  # other people, or more of them, would be asked about this call
    if any(same_person(one, name) for one in (asked.requester, *asked.owners) for name in standing.approved_by):
        return False  # nobody approves what they ask for, also not beforehand
    why_not = why_not_covered(
        standing.model_copy(update={"withdrawn": ()}),
        plan_hash=plan_hash,
        policy_digest=asked.binding.policy_digest,
        flow=asked.binding.flow,
        step_id=asked.binding.step_id,
        parameters=shown,
        requester=asked.requester,
        now=asked.created_at,
    )
    return why_not is None


def _used_by(connection: Connection, standing: Standing, run_id: str) -> int:
    """1 for a run that is counted already, else 0."""
    where = (USE.c.request_id == standing.request_id, USE.c.run_id == run_id)
    return 0 if connection.execute(select(USE.c.run_id).where(*where)).first() is None else 1


def _count(connection: Connection, standing: Standing, run_id: str, now: datetime) -> bool:
    """The one conditional UPDATE that uses a standing approval for a run; whether it did."""
    approved = select(REQUEST.c.request_id).where(
        REQUEST.c.request_id == standing.request_id, REQUEST.c.state == RequestState.APPROVED.value
    )
    statement = (
        update(STANDING)
        .where(
            STANDING.c.request_id == standing.request_id,
            STANDING.c.used < STANDING.c.max_runs,
            STANDING.c.expires_at > micros(now),
            STANDING.c.revoked_at.is_(None),
            approved.exists(),
        )
        .values(used=STANDING.c.used + 1)
    )
    if connection.execute(statement).rowcount != 1:
        return False
    connection.execute(insert(USE).values(request_id=standing.request_id, run_id=run_id, at=micros(now)))
    return True


def _opened_approved(
    transaction: Transaction, asked: ApprovalRequest, draft: Draft, standing: Standing, now: datetime
) -> ApprovalRequest:
    connection = transaction.connection
    payload: dict[str, JsonValue] = {"approved_by": list(standing.approved_by), "standing": standing.request_id}
    # Nobody votes on this one: whoever looks at it later finds in itself who let it through.
    request = asked.model_copy(update={"summary": {**asked.summary, "under": payload}})
    requests.add(connection, request)
    transaction.record(draft)
    because = f"standing approval {standing.request_id}"
    if not requests.move(connection, request.request_id, RequestState.APPROVED, now, because):
        raise RuntimeError("a request that was just opened is pending")
    transaction.record(requests.about(request, "approval.granted", now, payload=payload))
    return request.model_copy(update={"state": RequestState.APPROVED})
