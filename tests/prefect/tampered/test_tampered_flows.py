"""Flows that somebody changed after their plan was approved do not run; flows that were only tidied up do."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from govflow.prefect.runtime import RUNTIME
from tests.prefect.tampered.in_memory import IN_MEMORY, NEVER, first_run
from tests.prefect.tampered.mutations import HARMLESS, ON_DISK, Files, Operator
from tests.prefect.tampered.shapes import SOURCES
from tests.prefect.tampered.stage import Stage, files_of

SEED = int(os.environ.get("GOVFLOW__TAMPER_SEED", "20261122"))
ON_DISK_DRAWN = 44
WITH_LOCK = 10  # of them, with a lock that was edited along
HARMLESS_DRAWN = 54
POLICY = """\
version: 1
policy:
  name: permissive
  rules:
    - {name: allow-everything, effect: allow, actions: ["*"]}
"""

pytestmark = [pytest.mark.filterwarnings("ignore")]


@dataclass(frozen=True)
class Drawn:
    """One tampered or tidied flow."""

    name: str
    shape: str
    files: Files
    lock: bool = False


def _drawn(operators: list[Operator], amount: int) -> list[Drawn]:
    """Every operator once, then any; each with a shape in which it finds something to change."""
    rng = random.Random(SEED)
    found: dict[str, Drawn] = {}
    for place in range(amount * 20):
        operator = operators[place] if place < len(operators) else rng.choice(operators)
        for shape in rng.sample(sorted(SOURCES), len(SOURCES)):
            name = f"{operator.name}-{shape}"
            files = None if name in found else operator(files_of(shape), rng)
            if files is not None:
                found[name] = Drawn(name, shape, files, lock=len(found) % (amount // WITH_LOCK) == 1)
                break
        if len(found) == amount:
            break
    return list(found.values())


def _tidied(amount: int) -> list[Drawn]:
    rng = random.Random(SEED)
    found: dict[str, Drawn] = {}
    for place in range(amount * 20):
        edit = HARMLESS[place] if place < len(HARMLESS) else rng.choice(HARMLESS)
        shape = rng.choice(sorted(SOURCES))
        files = files_of(shape)
        text = edit(files["flow.py"], rng)
        if text != files["flow.py"]:
            found.setdefault(f"{edit.__name__}-{shape}", Drawn(edit.__name__, shape, {**files, "flow.py": text}))
        if len(found) == amount:
            break
    return list(found.values())


TAMPERED = _drawn(list(ON_DISK), ON_DISK_DRAWN)
TIDIED = _tidied(HARMLESS_DRAWN)

BOTH = os.environ.get("GOVFLOW__TAMPER") == "all"
MEDDLED = [(name, warm) for at, name in enumerate(IN_MEMORY) for warm in (False, True) if BOTH or warm == bool(at % 2)]
"""Before the first run of a process, or after a good one; ``GOVFLOW__TAMPER=all`` tries each both ways."""


@pytest.fixture(scope="module")
def stage(prefect_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    from govflow.store import Store

    folder = tmp_path_factory.mktemp("tampered")
    (folder / "policy.yaml").write_text(POLICY)
    url = f"sqlite:///{folder / 'govflow.db'}"
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("GOVFLOW_") and not name.startswith("GOVFLOW__"):
                patch.delenv(name)
        patch.chdir(folder)
        patch.setenv("GOVFLOW_DATABASE_URL", url)
        patch.setenv("GOVFLOW_SIGNING_KEY", str(folder / "keys" / "signing.pem"))
        patch.setenv("GOVFLOW_PRINCIPAL", "alice")
        patch.setenv("GOVFLOW_MODE", "enforce")
        patch.setenv("GOVFLOW_POLICY", str(folder / "policy.yaml"))
        patch.setenv("GOVFLOW__TRACE", str(folder / "trace"))
        RUNTIME.reload()
        with Store.open(url) as store:
            yield Stage(folder, store)
        RUNTIME.reload()


@pytest.mark.covers("B-04")
def test_fifty_flows_are_tampered_with_and_every_operator_is_drawn() -> None:
    assert len(SOURCES) >= 10
    assert len(TAMPERED) + len(IN_MEMORY) >= 50
    assert {drawn.name.partition("-")[0] for drawn in TAMPERED} == {operator.name for operator in ON_DISK}
    assert sum(drawn.lock for drawn in TAMPERED) >= WITH_LOCK
    assert len(TIDIED) >= 50
    assert {drawn.name for drawn in TIDIED} == {edit.__name__ for edit in HARMLESS}


@pytest.mark.covers("S5-41", "B-04")
@pytest.mark.parametrize("drawn", TAMPERED, ids=lambda drawn: drawn.name + ("-with-lock" if drawn.lock else ""))
def test_a_flow_that_was_changed_on_disk_runs_nothing(stage: Stage, drawn: Drawn) -> None:
    stage.approve(files_of(drawn.shape))
    ended = stage.run(drawn.files, lock=drawn.lock)
    assert ended.ran == (), f"seed {SEED}: {drawn.name}\n{drawn.files['flow.py']}"
    assert ended.refused is not None, ended.error
    assert ended.refused.code in ("plan-drift", "unbound")


@pytest.mark.covers("B-04")
@pytest.mark.parametrize(
    ("name", "warm"), MEDDLED, ids=[f"{name}-{'warm' if warm else 'cold'}" for name, warm in MEDDLED]
)
def test_what_was_put_in_place_in_memory_does_not_run(stage: Stage, name: str, warm: bool) -> None:
    meddle, shape = IN_MEMORY[name]
    files = files_of(shape)
    stage.approve(files)

    def both(module: object) -> None:
        if warm:
            first_run(module)  # type: ignore[arg-type] # a module
        meddle(module)  # type: ignore[arg-type] # a module

    ended = stage.run(files, meddle=both)
    assert not [line for line in ended.ran if "TAMPERED" in line or line in NEVER.get(name, ())], ended
    assert not ended.passed or name in ("hook", "hook_of_the_flow")  # the engine goes on without a hook


@pytest.mark.parametrize("drawn", TIDIED, ids=lambda drawn: f"{drawn.name}-{drawn.shape}")
def test_a_flow_that_was_only_tidied_up_runs(stage: Stage, drawn: Drawn) -> None:
    stage.approve(files_of(drawn.shape))
    ended = stage.run(drawn.files)
    assert ended.passed, (ended.error, drawn.files["flow.py"])
    assert ended.ran
