"""What is left of a person's answers once the person was deactivated: on record, and no part of a decision to come.

A yes is taken out while its request is pending, and from standing approvals that are in force, for good: nobody knows
who spoke for an account that had to be closed. A no stays: taking one out would let whoever manages people decide.
"""

from __future__ import annotations

import json

from pydantic import JsonValue
from sqlalchemy import and_, or_, select, update

from govflow.approval.models import RequestState, VoteDecision, VoteKind
from govflow.approval.people import person_key
from govflow.store import requests
from govflow.store.commits import Transaction
from govflow.store.tables import APPROVAL_REQUEST as REQUEST
from govflow.store.tables import APPROVAL_VOTE as VOTE
from govflow.store.tables import STANDING
from govflow.store.times import moment


def withdraw_votes(transaction: Transaction, tenant: str, name: str, by: str, now: int) -> int:
    """Take out the votes of a person, and those that were cast by that person's right, each on record.

    Args:
        transaction: in which the person is deactivated.
        tenant: whose requests.
        name: of the person, in whatever spelling.
        by: who deactivates the person.
        now: in microseconds.

    Returns:
        How many votes were taken out.
    """
    connection = transaction.connection
    standing = select(STANDING.c.request_id).where(STANDING.c.request_id == REQUEST.c.request_id)
    in_force = and_(REQUEST.c.state == RequestState.APPROVED.value, standing.exists(), REQUEST.c.expires_at > now)
    statement = (
        select(VOTE.c.request_id, VOTE.c.principal, VOTE.c.through)
        .join(REQUEST, REQUEST.c.request_id == VOTE.c.request_id)
        .where(
            REQUEST.c.tenant == tenant,
            VOTE.c.kind == VoteKind.VOTE.value,
            VOTE.c.decision == VoteDecision.APPROVE.value,
            or_(REQUEST.c.state == RequestState.PENDING.value, in_force),
        )
        .order_by(REQUEST.c.ordinal, VOTE.c.ordinal)
    )
    count, gone = 0, person_key(name)
    for row in connection.execute(statement).mappings().all():
        if gone not in map(person_key, (row["principal"], *json.loads(row["through"]))):
            continue
        cast = (VOTE.c.request_id == row["request_id"], VOTE.c.principal == row["principal"])
        connection.execute(update(VOTE).where(*cast).values(kind=VoteKind.WITHDRAWN.value))
        request = requests.read(connection, row["request_id"])
        payload: dict[str, JsonValue] = {"principal": row["principal"], "deactivated": name}
        transaction.record(requests.about(request, "approval.vote_withdrawn", moment(now), subject=by, payload=payload))
        count += 1
    return count
