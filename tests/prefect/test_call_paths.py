"""Every way to call a task or a flow: the same as bare, decided and recorded once, and stopped where policy says no."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from types import ModuleType
from typing import Any

import pytest

from tests.prefect.call_paths import ASYNC, SYNC, project
from tests.prefect.conftest import POLICY, Home

DENYING = POLICY.replace(
    "  rules:\n",
    "  rules:\n    - {name: no-tasks, effect: deny, actions: ['task:execute'], priority: 1}\n",
)


CASES = [("sync_paths", SYNC), ("async_paths", ASYNC)]


def run(module: ModuleType, name: str, wanted: list[str]) -> Any:
    called = getattr(module, name)(wanted, salt=module.__name__)
    return asyncio.run(called) if asyncio.iscoroutine(called) else called


def attempts(home: Home, event: str) -> Counter[tuple[str, int]]:
    """Task run and attempt of each record of that kind."""
    return Counter(
        (one["payload"]["task_run_id"], one["attempt"])
        for one in home.events()
        if one["event"] == event and "task_run_id" in one["payload"]
    )


def lines(caplog: pytest.LogCaptureFixture) -> Counter[tuple[str, str]]:
    """What the runs have said in their logs since the last time, without the names that each run makes up."""
    said = [one for one in caplog.records if one.name in ("prefect.flow_runs", "prefect.task_runs")]
    found = Counter((one.levelname, re.sub(r"'[a-z]+-[a-z]+'|[0-9a-f-]{36}|http\S+", "…", one.message)) for one in said)
    caplog.clear()
    return found


@pytest.mark.covers("D-02")
@pytest.mark.parametrize(("name", "paths"), CASES, ids=["sync", "async"])
def test_every_path_gives_what_the_bare_one_gives_and_is_recorded_once(
    home: Home, caplog: pytest.LogCaptureFixture, name: str, paths: dict[str, Any]
) -> None:
    home.configure(policy=POLICY, mode="enforce")
    bare = home.load(project("prefect"), "bare_project")
    governed = home.load(project("govflow.prefect"), "governed_project")
    theirs, said = run(bare, name, list(paths)), lines(caplog)
    ours = run(governed, name, list(paths))
    assert ours == theirs
    assert said
    assert lines(caplog) == said
    assert governed.TOLD == bare.TOLD
    ran = Counter(governed.RAN)
    assert len(ran) == len(bare.RAN)
    assert set(ran.values()) == {1}
    for event in ("step.intent", "step.outcome"):
        found = attempts(home, event)
        assert {key: found[key] for key in ran} == ran, event
    cached = attempts(home, "step.cached")
    assert sum(cached.values()) == str(ours).count("'Cached'") > 0
    assert set(cached.values()) == {1}
    assert not cached & ran
    assert not [one for one in home.events() if one["event"] in ("step.refused", "run.refused")]


@pytest.mark.covers("D-02")
@pytest.mark.parametrize(("name", "paths"), CASES, ids=["sync", "async"])
def test_on_every_path_a_denied_step_does_not_run(home: Home, name: str, paths: dict[str, Any]) -> None:
    home.configure(policy=DENYING, mode="enforce")
    governed = home.load(project("govflow.prefect"), "governed_project")
    found = run(governed, name, list(paths))
    assert governed.RAN == governed.TOLD == []
    for path, result in found.items():
        assert "Denied" in str(result) or "FAILED" in str(result), path
    refused = attempts(home, "step.refused")
    assert set(refused.values()) == {1}
    assert len(refused) == sum(times for _, times in paths.values())
    runs = [one for one in home.events() if one["event"] == "run.refused"]
    assert len(runs) == sum(times == 0 for _, times in paths.values())


@pytest.mark.parametrize(("name", "path"), [("sync_paths", "cached"), ("async_paths", "cached")])
def test_a_denied_step_gets_no_kept_result(home: Home, name: str, path: str) -> None:
    home.configure(policy=POLICY, mode="enforce")
    governed = home.load(project("govflow.prefect"), "governed_project")
    salt = home.path.name
    made = getattr(governed, name)([path], salt=salt)
    found = asyncio.run(made) if asyncio.iscoroutine(made) else made
    assert "Cached" in str(found)
    governed.RAN.clear()
    home.configure(policy=DENYING)
    made = getattr(governed, name)([path], salt=salt)
    found = asyncio.run(made) if asyncio.iscoroutine(made) else made
    assert "FAILED" in str(found)
    assert "Cached" not in str(found)
    assert governed.RAN == []
    assert len(attempts(home, "step.refused")) == 2
