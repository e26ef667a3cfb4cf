"""What the lock file says of one flow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from govflow.ir.lock import Lock, dump_lock, plan_key
from govflow.ir.models import Plan
from govflow.services.locked_plan import locked_plan
from govflow.settings import Settings
from tests.services.material import plan

OTHER = plan().model_copy(update={"file": "other.py", "retries": 3})


def settings(folder: Path, **flows: Plan) -> Settings:
    """Settings with a lock that holds these plans, by the folder they are in."""
    lock = Lock()
    for place, made in flows.items():
        lock = lock.with_flow(f"{place}/{made.file}:{made.function}", made)
    (folder / "govflow.lock").write_text(dump_lock(lock))
    return Settings(lock=folder / "govflow.lock")


def test_a_flow_of_the_same_name_does_not_lend_its_plan(tmp_path: Path) -> None:
    """The first entry of a name used to speak for every flow of that name."""
    stated = settings(tmp_path, a=OTHER, b=plan())
    for ours in (plan(), OTHER):
        found = locked_plan(stated, plan_key(ours))
        assert found is not None
        assert found.plan.retries == ours.retries
    assert locked_plan(stated, "etl") is None, "a name alone is nobody"


def test_two_entries_that_nothing_tells_apart_say_nothing(tmp_path: Path) -> None:
    longer = plan().model_copy(update={"retries": 3})
    assert locked_plan(settings(tmp_path, a=plan(), b=longer), plan_key(plan())) is None
    assert locked_plan(settings(tmp_path, a=plan(), b=plan()), plan_key(plan())) is not None, "both say the same"


def test_no_lock_says_nothing(tmp_path: Path) -> None:
    assert locked_plan(Settings(lock=tmp_path / "govflow.lock"), plan_key(plan())) is None


@pytest.mark.timeout(240)
def test_a_pipe_for_a_lock_holds_no_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "govflow.lock")
    assert locked_plan(Settings(lock=tmp_path / "govflow.lock"), plan_key(plan())) is None
