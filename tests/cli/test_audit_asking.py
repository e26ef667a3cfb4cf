"""Finding and counting records at the terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govflow.audit.record import Draft
from govflow.cli.moments import read_moment
from govflow.errors import RequestError
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def log(repo: Path) -> Path:
    """Thirty records of three days; the database file."""
    workspace = open_workspace(load_settings())
    for number in range(30):
        payload = {"rule": "low" if number % 3 else "high", "url": "postgresql://u:canary-pw@db/x"}
        draft = Draft(
            "step.intent" if number % 2 else "step.outcome",
            "default",
            BEGAN + timedelta(hours=2 * number),
            subject="alice" if number % 5 else "bob",
            run_id=f"run-{number // 10}",
            payload=payload if number % 2 else {},
        )
        workspace.store.append(draft, durable=False)
    workspace.close()
    return repo.parent / "gov" / "gov.db"


def places(run: Run, *words: str) -> list[int]:
    return [one["seq"] for one in run("audit", "query", "--format", "json", *words).json["records"]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--limit", "3"), [29, 28, 27]),
        (("--run", "run-1", "--limit", "2"), [19, 18]),
        (("--who", "bob"), [25, 20, 15, 10, 5, 0]),
        (("--rule", "high"), [27, 21, 15, 9, 3]),
        (("--event", "step.outcome", "--limit", "2"), [28, 26]),
        (("--event", "step.", "--limit", "3"), [29, 28, 27]),
        (("--event", "approval."), []),
        (("--since", "2026-03-03T06:00", "--until", "2026-03-03T10:00Z"), [28, 27]),
        (("--since", "2026-03-02", "--rule", "high", "--who", "bob"), [15]),
        (("--before", "2"), [1, 0]),
        (("--who", "nobody"), []),
    ],
)
def test_records_are_found_by_what_they_are_about(
    run: Run, log: Path, words: tuple[str, ...], expected: list[int]
) -> None:
    assert places(run, *words) == expected


@pytest.mark.covers("S2-096")
def test_an_answer_that_has_more_says_how_to_go_on(run: Run, log: Path) -> None:
    result = run("audit", "query", "--limit", "2", "--rule", "low")
    first, second, more = result.out.splitlines()
    assert (result.code, first.split()[0], second.split()[0]) == (0, "29", "25")
    assert more == "there may be more: --before 25"
    assert places(run, "--rule", "low", "--limit", "2", "--before", "25") == [23, 19]
    assert "canary-pw" not in result.out


def test_a_log_is_counted_by_event_rule_and_day(run: Run, log: Path) -> None:
    result = run("audit", "stats")
    assert result.out.startswith("30 records, 2026-03-01 00:00:00 to 2026-03-03 10:00:00 UTC; 0 checkpoints")
    assert "step.intent            15  ████" in result.out
    document = run("audit", "stats", "--format", "json", "--since", "2026-03-03").json
    assert document["days"] == {"2026-03-03": 6}
    assert document["rules"] == {"low": 2, "high": 1}
    assert run("audit", "stats", "--until", "2020-01-01").out == "no records\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("query", "--limit", "0"), "at least one record"),
        (("query", "--event", "step.intents"), "There is no audit event"),
        (("query", "--event", "steps."), "There is no audit event"),
        (("query", "--event", "."), "There is no audit event"),
        (("query", "--since", "yesterday"), "is no time"),
        (("stats", "--until", "99999999d"), "is no time"),
    ],
)
def test_what_cannot_be_asked_is_said(run: Run, log: Path, words: tuple[str, ...], says: str) -> None:
    result = run("audit", *words)
    assert result.code == 2
    assert says in result.err


@pytest.mark.parametrize(
    ("written", "at"),
    [
        (None, None),
        ("2026-02-28", datetime(2026, 2, 28, tzinfo=UTC)),
        ("2026-02-28T12:30+02:00", datetime(2026, 2, 28, 10, 30, tzinfo=UTC)),
        ("30min", BEGAN - timedelta(minutes=30)),
        ("36h", BEGAN - timedelta(hours=36)),
        ("7d", BEGAN - timedelta(days=7)),
        ("2w", BEGAN - timedelta(weeks=2)),
    ],
)
def test_moments_are_read_as_people_write_them(written: str | None, at: datetime | None) -> None:
    assert read_moment("--since", written, BEGAN) == at


@pytest.mark.parametrize("written", ["", "7", "d", "-3d", "1e3d", "2026-13-01", "999999w"])
def test_what_is_no_moment_is_refused(written: str) -> None:
    with pytest.raises(RequestError, match="is no time"):
        read_moment("--since", written, BEGAN)
