from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.policy.moments import moment, written_moment


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2027-01-31", "2027-01-31T00:00:00Z"),
        ("2027-01-31T18:00Z", "2027-01-31T18:00:00Z"),
        ("2027-01-31t18:00:00z", "2027-01-31T18:00:00Z"),
        ("2027-01-31 18:00:00+02:00", "2027-01-31T16:00:00Z"),
        ("2027-01-01T00:30:00+01:00", "2026-12-31T23:30:00Z"),
        ("2027-01-31T18:00:00.25Z", "2027-01-31T18:00:00.250000Z"),
    ],
)
def test_a_moment_has_one_text(text: str, canonical: str) -> None:
    assert written_moment(moment(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "2027-01-31T18:00:00", "20270131", "2027-02-29", "2027-01-31T25:00Z", "2027-W01-1", "2027-01-31Z",
        " 2027-01-31", "2027-01-31\n", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "2027-01-31T18:00:00+25:00",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moment(text)


def test_a_time_without_an_offset_has_no_text() -> None:
    with pytest.raises(ValueError, match="offset"):
        written_moment(datetime(2027, 1, 1))  # noqa: DTZ001 - what must be refused


@given(
    st.integers(-60_000_000_000, 60_000_000_000),
    st.integers(-14 * 60, 14 * 60),
)
def test_what_is_written_is_read(seconds: int, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    when = (datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=seconds % 7)).astimezone(zone)
    assert moment(written_moment(when)) == when
    assert moment(when.isoformat()) == when
    assert moment(written_moment(when)).tzinfo is UTC
