"""A process that lives on while its policy changes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from govflow.errors import Denied, PolicyError
from govflow.policy import Effect, load_policy
from govflow.prefect.runtime import RUNTIME, Runtime
from govflow.services.policy_at_rest import REST
from tests.prefect.conftest import Home
from tests.services.test_policy_in_force import ANY, version

pytestmark = pytest.mark.once

FLOW = """
from govflow.prefect import flow, task

SEEN = []

@task(action="data:drop", provider="duckdb", resource="dataset://acme/sales")
def drop(name):
    SEEN.append(name)

@flow
def etl(before_drop, name):
    before_drop()
    drop(name)
"""
OPEN = "version: 1\npolicy: {name: open, default: allow}\n"
SHUT = (
    "version: 1\npolicy: {name: shut, default: allow, rules: [{name: no-drop, effect: deny, actions: ['data:drop']}]}\n"
)


def nothing() -> None:
    pass


def changes(home: Home) -> list[Any]:
    return [body["payload"]["policy"] for body in home.events() if body["event"] in ("policy.loaded", "policy.changed")]


def test_the_next_run_of_a_living_process_goes_by_the_new_policy(home: Home) -> None:
    home.configure(policy=OPEN)
    module = home.load(FLOW)
    module.etl(nothing, "first")
    (home.path / "policy.yaml").write_text(SHUT)
    with pytest.raises(Denied, match="no-drop"):
        module.etl(nothing, "second")
    (home.path / "policy.yaml").write_text(OPEN)
    module.etl(nothing, "third")
    assert module.SEEN == ["first", "third"]
    assert changes(home) == ["open", "shut", "open"]


def test_an_open_run_keeps_the_policy_that_it_was_opened_with(home: Home) -> None:
    home.configure(policy=OPEN)
    module = home.load(FLOW)

    def shut() -> None:
        (home.path / "policy.yaml").write_text(SHUT)
        RUNTIME.for_run()  # another run opens, and reads it

    module.etl(shut, "first")
    assert module.SEEN == ["first"]
    assert RUNTIME.workspace().document.policy.name == "shut"


@pytest.mark.parametrize("text", ["", "version: 1\npolicy: {", "{}", "version: 2\npolicy: {name: x}\n"])
def test_a_policy_that_breaks_in_a_living_process_denies_every_run(home: Home, text: str) -> None:
    home.configure(policy=OPEN)
    module = home.load(FLOW)
    module.etl(nothing, "first")
    (home.path / "policy.yaml").write_text(text)
    for _ in range(2):
        with pytest.raises(PolicyError):
            module.etl(nothing, "second")
    (home.path / "policy.yaml").write_text(OPEN)
    module.etl(nothing, "third")
    assert module.SEEN == ["first", "third"]


def _renamed(file: Path, text: str) -> float:
    part = file.with_name("part")
    part.write_text(text)
    os.replace(part, file)
    return 0.0


def _truncated(file: Path, text: str) -> float:
    """The seconds for which it stood still in the middle of the file, at most."""
    stood, before = 0.0, time.time()
    with file.open("w") as stream:
        for start in range(0, len(text), len(text) // 7):
            stream.write(text[start : start + len(text) // 7])
            stream.flush()
            before, since = time.time(), before
            stood = max(stood, before - since)
            time.sleep(0.004)
    return stood


@pytest.mark.parametrize("replace", [_renamed, _truncated])
def test_a_reload_race_serves_whole_versions_or_nothing(home: Home, replace: Callable[[Path, str], float]) -> None:
    """Threads decide while the file is replaced again and again. In every whole version the request is denied."""
    for _ in range(10):
        wrong, stood = _race(home, replace)
        if stood < REST:
            break  # else it is not told from a writer that is done: a busy machine held it up
    assert not wrong or stood >= REST


def _race(home: Home, replace: Callable[[Path, str], float]) -> tuple[list[str], float]:
    """What was decided by anything else than a whole version, and for how long the writer stood still at most."""
    file = home.path / "policy.yaml"
    texts = [version(number, rules=20 + number) for number in range(8)]
    whole = {load_policy(text, "whole").digest for text in texts}
    done, seen, wrong, stood = threading.Event(), set(), list[str](), 0.0
    home.configure(policy=texts[0])
    runtime = Runtime()

    def decide() -> None:
        while not done.is_set():
            try:
                workspace = runtime.for_run()
            except PolicyError:
                continue
            for decision in (workspace.ground.engine.decide(ANY), workspace.engine.decide(ANY)):
                seen.add(decision.policy_digest)
                if decision.policy_digest not in whole or decision.effect is not Effect.DENY:
                    wrong.append(decision.reason)

    threads = [threading.Thread(target=decide) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for number, text in enumerate(cycle(texts[1:]), 2):
            stood = max(stood, replace(file, text))
            time.sleep(0.45)
            if number >= len(texts) and len(seen) >= 3:  # else the race is no race yet
                break
    finally:
        done.set()
        for thread in threads:
            thread.join()
    return wrong, stood
