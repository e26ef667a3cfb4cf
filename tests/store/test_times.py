"""Moments keep their microseconds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.store.times import micros, moment


@given(st.datetimes(timezones=st.timezones()))
def test_a_moment_comes_back_as_itself(at: datetime) -> None:
    # Not `== at`: Python holds an hour that a clock change repeats unequal to every moment of another zone.
    assert moment(micros(at)) == at.astimezone(UTC)
    assert moment(micros(at)).tzinfo is UTC


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        micros(datetime(2026, 3, 1))  # noqa: DTZ001  # that is the point
