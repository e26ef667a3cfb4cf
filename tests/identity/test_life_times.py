"""Everything ends, at its end and not after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from govflow.identity.life_times import (
    IDLE,
    LINK,
    LONGEST_LINK,
    SESSION,
    end_of,
    end_of_session,
    is_over,
    session_is_over,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def test_what_is_not_asked_for_is_usual() -> None:
    assert end_of(NOW, None, LINK, LONGEST_LINK) == NOW + timedelta(hours=24)
    assert end_of(NOW, LONGEST_LINK, LINK, LONGEST_LINK) == NOW + timedelta(days=7)


@pytest.mark.parametrize("asked", [timedelta(0), -TICK, LONGEST_LINK + TICK])
def test_no_life_and_too_long_a_life_are_refused(asked: timedelta) -> None:
    with pytest.raises(ValueError, match="at most 168 hours"):
        end_of(NOW, asked, LINK, LONGEST_LINK)


def test_a_thing_is_over_at_its_end() -> None:
    assert is_over(NOW, NOW) and not is_over(NOW + TICK, NOW) and not is_over(None, NOW)


def test_a_session_ends_by_its_time_by_idleness_and_by_hand() -> None:
    ends = NOW + SESSION
    assert not session_is_over(ends, NOW, None, NOW + IDLE - TICK)
    assert session_is_over(ends, NOW, None, NOW + IDLE)
    assert session_is_over(ends, ends - TICK, None, ends)
    assert session_is_over(ends, NOW, NOW, NOW)
    assert end_of_session(ends, NOW) == NOW + IDLE
    assert end_of_session(ends, ends - TICK) == ends
