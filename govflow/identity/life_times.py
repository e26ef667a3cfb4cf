"""How long invitations, sessions and API keys are good. Each is over *at* its end, not after it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

LINK: Final = timedelta(hours=24)
LONGEST_LINK: Final = timedelta(days=7)
SESSION: Final = timedelta(hours=12)
"""From sign-in on, whatever is done: a working day."""
IDLE: Final = timedelta(hours=2)
"""After the last request."""
SEEN_EVERY: Final = timedelta(minutes=1)
"""A session that is used is marked so often: a write for each request would cost more than the request."""
API_KEY: Final = timedelta(days=90)
LONGEST_API_KEY: Final = timedelta(days=366)


def end_of(now: datetime, asked: timedelta | None, usual: timedelta, longest: timedelta) -> datetime:
    """When something ends that is made now.

    Args:
        now: aware.
        asked: how long it was asked for; ``None`` for what is usual.
        usual: without asking.
        longest: nobody gets more.

    Raises:
        ValueError: nothing, less than nothing, or more than the longest was asked for.
    """
    life = usual if asked is None else asked
    if not timedelta(0) < life <= longest:
        raise ValueError(f"it lives more than 0 and at most {longest // timedelta(hours=1)} hours")
    return now + life


def is_over(expires_at: datetime | None, now: datetime) -> bool:
    """Whether the time of something is over; it has all time without an end."""
    return expires_at is not None and now >= expires_at


def session_is_over(expires_at: datetime, seen_at: datetime, ended_at: datetime | None, now: datetime) -> bool:
    """Whether a session counts no more: it was ended, its time is over, or nobody used it for too long."""
    return ended_at is not None or now >= expires_at or now >= seen_at + IDLE


def end_of_session(expires_at: datetime, seen_at: datetime) -> datetime:
    """When a session that nobody uses from now on is over."""
    return min(expires_at, seen_at + IDLE)
