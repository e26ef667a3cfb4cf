"""Points in time as policies write them: RFC 3339 with an offset, or a day, which begins at midnight UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_FORM: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)([Zz]|[+-][0-9]{2}:[0-9]{2}))?"
)


def moment(text: str) -> datetime:
    """The moment that a text says, in UTC.

    Raises:
        ValueError: it is no day and no time with an offset: without one, a time is another one in each place.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError("not a day and not a time with an offset")
    day, time, zone = form.groups()
    offset = "+00:00" if zone is None or zone in "Zz" else zone
    try:
        return datetime.fromisoformat(f"{day}T{time or '00:00'}{offset}").astimezone(UTC)
    except OverflowError:  # in the last hours of the calendar
        raise ValueError("not a time of this calendar") from None


def written_moment(when: datetime) -> str:
    """The one text of a moment: UTC, with ``Z``.

    Raises:
        ValueError: it has no offset.
    """
    if when.utcoffset() is None:
        raise ValueError("a time without an offset is another one in each place")
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")
