"""What people let run alone, and what others found: the same words at the terminal and in pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from govflow.services.describe.escape import plain, table
from govflow.services.describe.questions import moment
from govflow.store.reviews import Review


def review_line(one: Review) -> str:
    """One emergency as a sentence."""
    did = f"{one.principal} let request {one.request_id} run alone at {moment(one.at)}"
    if one.reviewed_by is None or one.reviewed_at is None:
        return plain(f"{did}; somebody who had no part in it reviews it by {moment(one.due_at)}.")
    return plain(f"{did}; {one.reviewed_by} reviewed it at {moment(one.reviewed_at)}: {one.finding}")


def reviews_text(found: Sequence[Review], now: datetime) -> str:
    """A list for a terminal, in the order given."""
    if not found:
        return "no reviews\n"
    heading = ["request", "by", "at", "review by", "state", "finding"]
    rows = [
        [
            plain(one.request_id),
            plain(one.principal),
            moment(one.at),
            moment(one.due_at),
            review_state(one, now),
            plain(one.finding, 80),
        ]
        for one in found
    ]
    return "\n".join(table([heading, *rows], indent=0)) + "\n"


def review_state(one: Review, now: datetime) -> str:
    """Whether somebody has looked at it."""
    if one.reviewed_by is not None:
        return f"reviewed by {plain(one.reviewed_by)}"
    return "overdue" if one.overdue(now) else "waits"


def review_json(one: Review) -> dict[str, Any]:
    """As JSON data."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(one).items()}
