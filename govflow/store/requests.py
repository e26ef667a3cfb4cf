"""Statements on approval requests that more than one act needs. Each runs inside the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import JsonValue, ValidationError
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from govflow.approval.models import MOVES, ApprovalRequest, Binding, RequestState, Vote, VoteDecision, VoteKind
from govflow.approval.stages import asked_selectors
from govflow.audit.record import Draft
from govflow.errors import RequestError, RequestUnreadable
from govflow.store import listings, messages
from govflow.store.commits import Transaction
from govflow.store.tables import APPROVAL_REQUEST as REQUEST
from govflow.store.tables import APPROVAL_SELECTOR as SELECTOR
from govflow.store.tables import APPROVAL_VOTE as VOTE
from govflow.store.tables import NO_MAP_INDEX
from govflow.store.times import micros, moment
from govflow.telemetry import get_logger

STANDING_RUN: Final = "*standing:"
"""Stands in the run id of a request for a standing approval, before the request's own id: no run has such an id."""

_log = get_logger(__name__)

OPEN_STATES = (RequestState.PENDING.value, RequestState.APPROVED.value)


def binding_columns(binding: Binding) -> dict[str, Any]:
    """Column to value, for inserting a binding and for demanding it."""
    columns = binding.model_dump()
    if columns["map_index"] is None:
        columns["map_index"] = NO_MAP_INDEX
    return columns


def request_of(row: RowMapping) -> ApprovalRequest:
    """The request of a row, with the state that the row has now.

    Raises:
        RequestUnreadable: its document is damaged, or of a newer govflow.
    """
    try:
        request = ApprovalRequest.model_validate_json(row["document"])
    except ValidationError as error:
        raise RequestUnreadable(
            f"The approval request {row['request_id']!r} cannot be read.",
            mend="It is damaged, or was written by a newer govflow. It stands as it is, and nobody can use it.",
            details={"request_id": row["request_id"]},
        ) from error
    return request.model_copy(update={"state": RequestState(row["state"])})


def readable(rows: Iterable[RowMapping]) -> Iterator[ApprovalRequest]:
    """The requests of rows, for a sweep over many: one that cannot be read is told, and keeps no other from its end."""
    for row in rows:
        try:
            yield request_of(row)
        except RequestUnreadable as error:
            tell_unreadable(error)


def tell_unreadable(error: RequestUnreadable) -> None:
    """Say in the process's log which one it is."""
    _log.error("store.request_unreadable", **error.details)


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
    ordinal = 0 if newest is None else newest + 1
    connection.execute(
        insert(REQUEST).values(
            request_id=request.request_id,
            ordinal=ordinal,
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
            requester=request.requester,
            tier=int(request.tier),
            rule=request.rule.name,
            reminded=0,
            escalated=0,
        )
    )
    listings.add(connection, request, ordinal)
    of_request = {"tenant": request.binding.tenant, "ordinal": ordinal, "request_id": request.request_id}
    asked = [{**of_request, "selector": selector} for selector in sorted(asked_selectors(request.rule))]
    if asked:
        connection.execute(insert(SELECTOR).values(asked))
    messages.opened(connection, request)


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
    if connection.execute(statement).rowcount != 1:
        return False
    connection.execute(delete(SELECTOR).where(SELECTOR.c.request_id == request_id))  # nobody is asked any more
    messages.decided(connection, request_id, now)
    return True


def expire_if_due(transaction: Transaction, request: ApprovalRequest, now: datetime) -> bool:
    """Move an open request whose time is over to expired, with its record; whether it did."""
    if request.state.value not in OPEN_STATES or request.expires_at > now:
        return False
    unused = request.state is RequestState.APPROVED
    reason = "approved, but not used in time" if unused else "nobody decided in time"
    if unused and request.binding.run_id.startswith(STANDING_RUN):
        reason = "its time is over"
    late = REQUEST.c.expires_at <= micros(now)
    if not move(transaction.connection, request.request_id, RequestState.EXPIRED, now, reason, late):
        return False
    transaction.record(about(request, "ir.approval_expired", now, payload={"reason": reason}))
    return True


def votes(connection: Connection, request_id: str) -> list[Vote]:
    """The votes that counted when they were cast, in that order; those that were taken out since say so."""
    rows = connection.execute(select(VOTE).where(VOTE.c.request_id == request_id).order_by(VOTE.c.ordinal)).mappings()
    return [
        Vote(
            request_id=row["request_id"],
            principal=row["principal"],
            assurance=row["assurance"],
            decision=VoteDecision(row["decision"]),
            reason=row["reason"],
            at=moment(row["at"]),
            kind=VoteKind(row["kind"]),
            selectors=tuple(json.loads(row["selectors"])),
            through=tuple(json.loads(row["through"])),
            through_selectors=tuple(json.loads(row["through_selectors"])),
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
            kind=vote.kind.value,
            selectors=json.dumps(vote.selectors),
            through=json.dumps(vote.through),
            through_selectors=json.dumps(vote.through_selectors),
        )
    )
    messages.voted(connection, vote, len(before))


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
