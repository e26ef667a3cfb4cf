"""Statements on approval requests that more than one act needs. Each runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Connection, RowMapping, insert, select, update

from govflow.approval.models import MOVES, ApprovalRequest, Binding, RequestState, Vote, VoteDecision
from govflow.audit.record import Draft
from govflow.errors import RequestError
from govflow.store.tables import APPROVAL_REQUEST as REQUEST
from govflow.store.tables import APPROVAL_VOTE as VOTE
from govflow.store.tables import NO_MAP_INDEX
from govflow.store.times import micros, moment
from govflow.store.writer import Transaction

OPEN_STATES = (RequestState.PENDING.value, RequestState.APPROVED.value)


def binding_columns(binding: Binding) -> dict[str, Any]:
    """Column to value, for inserting a binding and for demanding it."""
    columns = binding.model_dump()
    if columns["map_index"] is None:
        columns["map_index"] = NO_MAP_INDEX
    return columns


def request_of(row: RowMapping) -> ApprovalRequest:
    """The request of a row, with the state that the row has now."""
    request = ApprovalRequest.model_validate_json(row["document"])
    return request.model_copy(update={"state": RequestState(row["state"])})


def read(connection: Connection, request_id: str) -> ApprovalRequest:
    """The request of that id; ``RequestError`` if there is none."""
    row = connection.execute(select(REQUEST).where(REQUEST.c.request_id == request_id)).mappings().first()
    if row is None:
        raise RequestError(
            f"There is no approval request {request_id!r}.",
            mend="`govflow approvals list` shows those there are.",
            details={"request_id": request_id},
        )
    return request_of(row)


def add(connection: Connection, request: ApprovalRequest) -> None:
    """Insert a pending request."""
    newest = connection.execute(select(REQUEST.c.ordinal).order_by(REQUEST.c.ordinal.desc()).limit(1)).scalar()
    connection.execute(
        insert(REQUEST).values(
            request_id=request.request_id,
            ordinal=0 if newest is None else newest + 1,
            **binding_columns(request.binding),
            document=request.model_dump_json(exclude={"state"}),
            expires_at=micros(request.expires_at),
            state=RequestState.PENDING.value,
            state_at=micros(request.created_at),
            state_reason="",
            executor=None,
            attempts_allowed=0,
            attempts_used=0,
            outcome=None,
        )
    )


def move(
    connection: Connection, request_id: str, to: RequestState, now: datetime, reason: str = "", *conditions: Any
) -> bool:
    """One conditional UPDATE: from any state from which there is a move, if the conditions hold; whether it did."""
    origins = [state.value for state, targets in MOVES.items() if to in targets]
    statement = (
        update(REQUEST)
        .where(REQUEST.c.request_id == request_id, REQUEST.c.state.in_(origins), *conditions)
        .values(state=to.value, state_at=micros(now), state_reason=reason)
    )
    return connection.execute(statement).rowcount == 1


def expire_if_due(transaction: Transaction, request: ApprovalRequest, now: datetime) -> bool:
    """Move an open request whose time is over to expired, with its record; whether it did."""
    if request.state.value not in OPEN_STATES or request.expires_at > now:
        return False
    unused = request.state is RequestState.APPROVED
    reason = "approved, but not used in time" if unused else "nobody decided in time"
    late = REQUEST.c.expires_at <= micros(now)
    if not move(transaction.connection, request.request_id, RequestState.EXPIRED, now, reason, late):
        return False
    transaction.record(about(request, "ir.approval_expired", now, payload={"reason": reason}))
    return True


def votes(connection: Connection, request_id: str) -> list[Vote]:
    """The votes that count, in the order in which they were cast."""
    rows = connection.execute(select(VOTE).where(VOTE.c.request_id == request_id).order_by(VOTE.c.ordinal)).mappings()
    return [
        Vote(
            request_id=row["request_id"],
            principal=row["principal"],
            assurance=row["assurance"],
            decision=VoteDecision(row["decision"]),
            reason=row["reason"],
            at=moment(row["at"]),
        )
        for row in rows
    ]


def add_vote(connection: Connection, vote: Vote, before: Sequence[Vote]) -> None:
    """Insert a vote behind those ``before`` it; one person has one in a request."""
    connection.execute(
        insert(VOTE).values(
            request_id=vote.request_id,
            principal=vote.principal,
            ordinal=len(before),
            assurance=vote.assurance,
            decision=vote.decision.value,
            reason=vote.reason,
            at=micros(vote.at),
        )
    )


def about(
    request: ApprovalRequest,
    event: str,
    now: datetime,
    *,
    subject: str = "govflow",
    payload: Mapping[str, JsonValue] | None = None,
    values: Mapping[str, JsonValue] | None = None,
) -> Draft:
    """A record about a request: where and what it is bound to, and what the caller adds."""
    binding = request.binding
    return Draft(
        event,
        binding.tenant,
        now,
        subject=subject,
        run_id=binding.run_id,
        flow=binding.flow,
        step_id=binding.step_id,
        correlation=binding.run_id,
        payload={
            "request_id": request.request_id,
            "requester": request.requester,
            "tier": int(request.tier),
            "ir_hash": binding.ir_hash,
            "policy_digest": binding.policy_digest,
            "parameters_digest": binding.parameters_digest,
            "map_index": binding.map_index,
            **(payload or {}),
        },
        values=values or {},
    )
