"""What one person let run alone in an emergency, and the review by another that is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue
from sqlalchemy import RowMapping, insert, select, update

from govflow.approval.models import ApprovalRequest, Vote
from govflow.errors import RequestError
from govflow.ir.models import Tier
from govflow.store import requests
from govflow.store.commits import Transaction
from govflow.store.engine import Database
from govflow.store.tables import BREAK_GLASS_REVIEW as REVIEW
from govflow.store.times import micros, moment
from govflow.store.writer import Writer

TIER: Final = Tier.HIGH
"""Of every approval that one person takes alone, whatever the tier of its step."""


@dataclass(frozen=True, slots=True)
class Review:
    """One emergency. ``reviewed_by`` is None until somebody else has looked at it."""

    request_id: str
    tenant: str
    principal: str  # who let it run
    at: datetime
    due_at: datetime
    reviewed_by: str | None
    reviewed_at: datetime | None
    finding: str

    def overdue(self, now: datetime) -> bool:
        """Whether nobody has looked at it in time."""
        return self.reviewed_by is None and self.due_at <= now


Known = list[Review]


class Reviews:
    """Listing and reviewing. A review is due from the vote on: :func:`begin`."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def get(self, request_id: str) -> Review:
        """The review of a request; ``RequestError`` if nobody broke the glass for it."""
        with self._db.reading() as connection:
            row = connection.execute(select(REVIEW).where(REVIEW.c.request_id == request_id)).mappings().first()
        if row is None:
            raise RequestError(
                f"Request {request_id!r} has no review: nobody let it run alone.",
                mend="`govflow approvals reviews` shows those that there are.",
                details={"request_id": request_id},
            )
        return _of(row)

    def review(
        self,
        request_id: str,
        principal: str,
        assurance: str,
        finding: str,
        now: datetime,
        admit: Callable[[ApprovalRequest, Review], None],
    ) -> Review:
        """Say what came of looking at it, once.

        Args:
            request_id: of a request for which somebody broke the glass.
            principal: who looked.
            assurance: how that person's identity was established, in words.
            finding: in that person's words.
            now: aware.
            admit: looks at request and review, and raises ``Refused`` where this person is not the one to review it.

        Raises:
            RequestError: there is nothing to review, or it was reviewed before.
        """
        review = self.get(request_id)
        with self._writer.transaction() as transaction:
            connection = transaction.connection
            request = requests.read(connection, request_id)
            admit(request, review)
            open_one = (REVIEW.c.request_id == request_id, REVIEW.c.reviewed_by.is_(None))
            said = {"reviewed_by": principal, "reviewed_at": micros(now), "finding": finding}
            if connection.execute(update(REVIEW).where(*open_one).values(**said)).rowcount != 1:
                raise RequestError(
                    f"Request {request_id!r} was reviewed before.",
                    mend="Its finding stands: `govflow approvals reviews --all`.",
                    details={"request_id": request_id},
                )
            payload: dict[str, JsonValue] = {
                "broken_by": review.principal,
                "late": review.due_at <= now,
                "assurance": assurance,
                "tier": int(TIER),
            }
            words: dict[str, JsonValue] = {"finding": finding}
            transaction.record(
                requests.about(request, "approval.reviewed", now, subject=principal, payload=payload, values=words)
            )
        return self.get(request_id)

    def list(self, tenant: str, *, reviewed: bool = False, due_by: datetime | None = None) -> Known:
        """Those of a tenant that wait for a review, the one that is due first before the others.

        Args:
            tenant: whose.
            reviewed: also those that were reviewed.
            due_by: only those that are due at that moment.
        """
        statement = select(REVIEW).where(REVIEW.c.tenant == tenant)
        if not reviewed:
            statement = statement.where(REVIEW.c.reviewed_at.is_(None))
        if due_by is not None:
            statement = statement.where(REVIEW.c.due_at <= micros(due_by))
        with self._db.reading() as connection:
            return [_of(row) for row in connection.execute(statement.order_by(REVIEW.c.due_at)).mappings()]


def begin(transaction: Transaction, request: ApprovalRequest, vote: Vote) -> None:
    """Somebody lets a step run alone: say so as loudly as there is, and make a review due."""
    terms = request.rule.break_glass
    if terms is None:
        raise ValueError(f"approval rule {request.rule.name!r} lets nobody answer alone")
    due = vote.at + timedelta(seconds=terms.review_seconds)
    transaction.connection.execute(
        insert(REVIEW).values(
            request_id=request.request_id,
            tenant=request.binding.tenant,
            principal=vote.principal,
            at=micros(vote.at),
            due_at=micros(due),
            reviewed_by=None,
            reviewed_at=None,
            finding="",
        )
    )
    payload: dict[str, JsonValue] = {
        "tier": int(TIER),
        "step_tier": int(request.tier),
        "approval_rule": request.rule.name,
        "review_by": due.isoformat(),
        "assurance": vote.assurance,
    }
    words: dict[str, JsonValue] = {"reason": vote.reason}
    record = requests.about(
        request, "approval.break_glass", vote.at, subject=vote.principal, payload=payload, values=words
    )
    transaction.record(record)


def _of(row: RowMapping) -> Review:
    reviewed_at = row["reviewed_at"]
    return Review(
        request_id=row["request_id"],
        tenant=row["tenant"],
        principal=row["principal"],
        at=moment(row["at"]),
        due_at=moment(row["due_at"]),
        reviewed_by=row["reviewed_by"],
        reviewed_at=None if reviewed_at is None else moment(reviewed_at),
        finding=row["finding"],
    )
