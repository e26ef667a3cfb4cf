"""Moments in the database: whole microseconds since 1970 in UTC, so that every database compares them alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """``moment`` in microseconds since the epoch. ``ValueError`` if it has no time zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return (moment - _EPOCH) // _MICROSECOND


def moment(since_epoch: int) -> datetime:
    """The aware UTC datetime of :func:`micros`."""
    return _EPOCH + since_epoch * _MICROSECOND
