"""Observe mode: the import is swapped and nothing else. Nothing is stopped; what would be is on record."""

from __future__ import annotations

import asyncio
import importlib
import logging
from pathlib import Path
from typing import Any

import pytest

from govflow.errors import CanonicalError, PolicyError, StoreError
from tests.prefect.conftest import POLICY, Home

pd: Any = importlib.import_module("pandas")  # it ships without types

SOURCE = """
import asyncio
import sqlite3
from {origin} import flow, task

SEEN = []

@task
def keep(value):
    SEEN.append(value)
    return value

@task
async def keep_later(value):
    await asyncio.sleep(0)
    SEEN.append(value)
    return value

@task
def count(session):
    return session.execute("SELECT count(*) FROM t").fetchone()[0]

@flow
def opaque(frame, session):
    nan = float("nan")
    return frame is keep(frame), nan is keep(nan), count(session), [f.result() for f in keep.map([1, nan])][0]

@flow
async def opaque_later(frame, session):
    both = await asyncio.gather(keep_later(frame), keep_later(2))
    return both[0] is frame, both[1], count(session)
"""


def _session() -> Any:
    import sqlite3

    session = sqlite3.connect(":memory:", check_same_thread=False)
    session.execute("CREATE TABLE t (x INTEGER)")
    return session


def _said(home: Home, event: str) -> list[dict[str, Any]]:
    return [body for body in home.events() if body["event"] == event]


@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_what_nothing_reads_passes_untouched(home: Home, mode: str) -> None:
    if mode == "enforce":
        home.configure(mode="enforce")
    bare = home.load(SOURCE.format(origin="prefect"), "bare_project")
    ours = home.load(SOURCE.format(origin="govflow.prefect"), "governed_project")
    frame, session = pd.DataFrame({"x": [1.0, float("nan")]}), _session()
    try:
        assert ours.opaque(frame, session) == bare.opaque(frame, session) == (True, True, 0, 1)
        assert asyncio.run(ours.opaque_later(frame, session)) == (True, 2, 0)
        assert asyncio.run(bare.opaque_later(frame, session)) == (True, 2, 0)
    finally:
        session.close()
    kinds = [sorted(type(value).__name__ for value in module.SEEN) for module in (ours, bare)]  # maps end in any order
    assert kinds[0] == kinds[1]


RISKY = """
from pathlib import Path
from govflow.prefect import flow, task

@task
def mark(marker, text):
    with Path(marker).open("a") as file:
        file.write(text)
    return text

@task(action="data:delete", provider="duckdb", resource="table://flights", records=5000)
def purge(marker, frame=None):
    return mark.fn(marker, "purged ")

@flow
def clean(marker, frame=None):
    return purge(marker, frame)

@flow
def clean_frame(marker):
    return purge(marker, frame=object())

@task
def show(value):
    return str(value)

@flow
def dodge(value):
    return show(value)
"""


def test_a_tier_3_step_runs_and_the_record_says_what_would_have_stopped_it(home: Home, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    assert home.load(RISKY).clean(str(marker)) == "purged "
    assert marker.read_text() == "purged "
    (verdict,) = _said(home, "ir.validated_escalate")
    assert (verdict["payload"]["mode"], verdict["payload"]["tier"]) == ("observe", 3)
    refused = [body for body in _said(home, "step.refused") if body["step_id"] == "clean/purge#1"]
    assert len(refused) == 1
    assert (refused[0]["payload"]["stopped"], refused[0]["payload"]["mode"]) == (False, "observe")
    assert "high-risk-needs-two" in refused[0]["payload"]["reason"]
    (intent,) = (body for body in _said(home, "step.intent") if body["step_id"] == "clean/purge#1")
    assert intent["payload"]["mode"] == "observe"
    assert intent["payload"]["would_stop"]["reason"] == refused[0]["payload"]["reason"]
    with home.store() as store:
        assert store.approvals.list("default") == [], "nobody is asked"


def test_an_unplanned_step_runs_and_is_on_record(home: Home, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    module = home.load(RISKY)

    class Trap:
        """A value that calls a task behind the back of the plan."""

        def __str__(self) -> str:
            dodged: str = module.mark(str(marker), "dodged ")
            return dodged

    assert module.dodge(Trap()) == "dodged "
    assert marker.read_text() == "dodged "
    refused = [body for body in _said(home, "step.refused") if body["payload"]["callee"] == "mark"]
    assert [body["payload"]["code"] for body in refused] == ["unplanned"]
    assert all(body["payload"]["stopped"] is False for body in refused)


def test_production_without_an_approved_plan_runs_and_is_on_record(home: Home, tmp_path: Path) -> None:
    home.configure(environment="production")
    marker = tmp_path / "marker"
    assert home.load(RISKY).clean(str(marker)) == "purged "
    (refused,) = _said(home, "run.refused")
    assert (refused["payload"]["stopped"], refused["payload"]["mode"]) == (False, "observe")
    assert "production" in refused["payload"]["reason"]
    assert any(body["payload"].get("would_stop") for body in _said(home, "step.intent"))
    assert _said(home, "run.closed")


def test_a_database_that_cannot_be_written_costs_the_records_and_not_the_run(
    home: Home, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home.write("blocked", "a file where a folder should be")
    home.configure(database_url=f"sqlite:///{tmp_path / 'blocked' / 'govflow.db'}")
    marker = tmp_path / "marker"
    with caplog.at_level(logging.WARNING, logger="govflow"):
        assert home.load(RISKY).clean(str(marker)) == "purged "
    assert marker.read_text() == "purged "
    assert any("record.lost" in record.message for record in caplog.records)


def test_in_enforce_mode_that_database_stops_the_run_before_its_first_line(home: Home, tmp_path: Path) -> None:
    home.write("blocked", "a file where a folder should be")
    home.configure(mode="enforce", database_url=f"sqlite:///{tmp_path / 'blocked' / 'govflow.db'}")
    marker = tmp_path / "marker"
    module = home.load(RISKY + "\n@flow\ndef first(marker):\n    Path(marker).write_text('x')\n")
    with pytest.raises(StoreError, match="cannot be used") as caught:
        module.first(str(marker))
    assert caught.value.mend
    assert not marker.exists()


BROKEN = POLICY.replace("effect: require_approval", "effect: perhaps")


def test_a_broken_policy_stops_the_run_before_its_first_line_and_names_file_and_field(
    home: Home, tmp_path: Path
) -> None:
    home.configure(policy=BROKEN)  # a policy means enforce
    marker = tmp_path / "marker"
    module = home.load(RISKY + "\n@flow\ndef first(marker):\n    Path(marker).write_text('x')\n")
    for _ in range(2):  # and it stays so
        with pytest.raises(PolicyError) as caught:
            module.first(str(marker))
        for words in ("policy.yaml:6", "policy.rules[0].effect"):
            assert words in caught.value.message
        assert "allow, deny, require_approval" in caught.value.mend
    state = module.first(str(marker), return_state=True)
    assert state.is_failed()
    assert "policy.yaml" in state.message
    assert not marker.exists()


def test_a_parameter_that_an_approval_reads_and_that_has_no_canonical_form_is_named(home: Home, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    module = home.load(RISKY)
    assert module.clean_frame(str(marker)) == "purged ", "observe mode stops nothing"
    marker.unlink()
    home.configure(policy=POLICY)
    with pytest.raises(CanonicalError, match=r"task purge, parameter frame: a builtins\.object"):
        module.clean_frame(str(marker))
    with pytest.raises(CanonicalError, match=r"flow clean, parameter frame: a pandas\.DataFrame"):
        module.clean(str(marker), pd.DataFrame({"x": [1]}))
    assert not marker.exists()
