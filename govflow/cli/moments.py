"""Moments as people write them: a date, a time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from govflow.errors import RequestError

_AGO = re.compile(r"(\d{1,6})(min|[hdw])")
_UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_moment(name: str, written: str | None, now: datetime) -> datetime | None:
    """``2026-03-01``, ``2026-03-01T12:00``, both in UTC unless they name a zone, or ``7d``: that long before ``now``.

    Args:
        name: the option, for the error.
        written: as given; None stays None.
        now: aware.

    Raises:
        RequestError: it is none of these.
    """
    if written is None:
        return None
    ago = _AGO.fullmatch(written.strip())
    try:
        if ago is not None:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        at = datetime.fromisoformat(written.strip())
    except (ValueError, OverflowError):
        raise RequestError(
            f"{name}: {written!r} is no time.", mend="Write 2026-03-01, 2026-03-01T12:00Z, or 7d, 12h, 30min for ago."
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
