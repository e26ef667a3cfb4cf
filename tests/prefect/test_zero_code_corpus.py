"""Flows of people who never saw govflow end as they did, and a risky step that is put into one of them is stopped.

``GOVFLOW__CORPUS=all`` plays every flow of the corpus; without it thirty-two of them, from all over it.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CORPUS = Path(__file__).parents[1] / "conform" / "flows"
ENTRIES: list[dict[str, Any]] = json.loads((CORPUS / "corpus.json").read_text())
RUNNING = [f"{e['file']}:{e['flow']}" for e in ENTRIES if e["runs"]]
PLAYED = RUNNING if os.environ.get("GOVFLOW__CORPUS") == "all" else RUNNING[::3][:32]
PERMISSIVE = """\
version: 1
policy:
  name: permissive
  rules:
    - {name: allow-everything, effect: allow, actions: ["*"]}
"""
STRICT = """\
version: 1
policy:
  name: strict
  rules:
    - {name: no-tier-three, effect: deny, actions: ["*"], conditions: {step.tier: {gte: 3}}}
    - {name: allow-the-rest, effect: allow, actions: ["*"]}
"""
RISKY = """
@govflow_test_task
def govflow_test_wipe(marker):
    import subprocess
    open(marker, "a").write("ran\\n")
    subprocess.run(["rm", "-rf", marker + ".nothing"])
"""

pytestmark = [pytest.mark.filterwarnings("ignore")]


class Stage:
    """Starts players, each a process of its own."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder = folder
        self.server = server

    def start(self, name: str, flows: Path, played: list[str], mode: str | None, policy: str | None) -> Player:
        """Begin to play; ``mode`` None is a process without govflow."""
        home = self.folder / name
        home.mkdir()
        (home / "pyproject.toml").write_text("[project]\nname = 'somebody'\n")
        env = {key: value for key, value in os.environ.items() if not key.startswith("GOVFLOW_")} | {
            "PREFECT_API_URL": self.server,
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_LOGGING_LEVEL": "CRITICAL",
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
            "PREFECT_CLIENT_MAX_RETRIES": "12",  # three players at once are much for a server with SQLite
            "PYTHONPATH": str(CORPUS.parents[2]),
            "GOVFLOW_DATABASE_URL": f"sqlite:///{home / 'govflow.db'}",
            "GOVFLOW_SIGNING_KEY": str(home / "keys" / "signing.pem"),
            "GOVFLOW_PRINCIPAL": "alice",
        }
        command = [sys.executable, "-m", "tests.conform.play", str(flows), str(home / "out"), ",".join(played)]
        if policy is not None:
            (home / "policy.yaml").write_text(policy)
            env["GOVFLOW_POLICY"] = str(home / "policy.yaml")
        if mode is not None:
            governed = [sys.executable, "-m", "govflow.cli", "run", "--mode", mode, "--report", str(home / "report")]
            command = [*governed, "--format", "json", "--", *command]
        with (home / "log").open("wb") as log:
            return Player(home, subprocess.Popen(command, env=env, cwd=home, stdout=log, stderr=log))


class Player:
    """A process that plays flows."""

    def __init__(self, home: Path, process: subprocess.Popen[bytes]) -> None:
        self.home = home
        self.process = process

    def ended(self) -> dict[str, dict[str, Any]]:
        """How each flow ended."""
        assert self.process.wait(timeout=1500) == 0, (self.home / "log").read_text(errors="replace")[-3000:]
        lines = [json.loads(line) for line in (self.home / "out").read_text().splitlines()]
        return {line.pop("flow"): line for line in lines}

    def report(self) -> list[dict[str, Any]]:
        """What ``govflow run`` said."""
        runs: list[dict[str, Any]] = json.loads((self.home / "report").read_text())["runs"]
        return runs


@pytest.mark.covers("B-06")
@pytest.mark.timeout(1800)
def test_bare_observed_and_permitted_flows_end_alike(prefect_server: str, tmp_path: Path) -> None:
    assert len(PLAYED) >= 30
    stage = Stage(tmp_path, prefect_server)
    players = [
        stage.start("bare", CORPUS, PLAYED, None, None),
        stage.start("observed", CORPUS, PLAYED, "observe", None),
        stage.start("enforced", CORPUS, PLAYED, "enforce", PERMISSIVE),
    ]
    bare, observed, enforced = ({name: _shown(end) for name, end in player.ended().items()} for player in players)
    assert set(bare) == set(PLAYED)
    assert observed == bare
    assert enforced == bare
    for player in players[1:]:
        runs = {run["run_id"]: run for run in player.report()}
        assert all(runs[end["run"]]["closed"] for end in player.ended().values()), "every run is on record"
    assert not [stop for run in players[2].report() for stop in run["stops"]]


@pytest.mark.covers("S1-04")
@pytest.mark.timeout(1800)
def test_a_tier_3_step_that_is_put_into_them_is_stopped_before_its_body(prefect_server: str, tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    shutil.copytree(CORPUS, flows)
    markers = {name: tmp_path / f"marker-{at}" for at, name in enumerate(PLAYED)}
    for name in PLAYED:
        file, _, flow = name.rpartition(":")
        _put_into(flows / file, flow, markers[name])
    names = [
        name for name in PLAYED if f"wipe({str(markers[name])!r})" in (flows / name.rpartition(":")[0]).read_text()
    ]
    assert len(names) >= 30
    player = Stage(tmp_path, prefect_server).start("strict", flows, names, "enforce", STRICT)
    ended = player.ended()
    stopped = {run["run_id"] for run in player.report() if any(stop["stopped"] for stop in run["stops"])}
    for name in names:
        assert not markers[name].exists(), name
        assert ended[name]["run"] in stopped, name
        assert ended[name]["state"][0] == "FAILED", name


def _put_into(path: Path, flow: str, marker: Path) -> None:
    """Call a step that deletes files, first thing in a flow."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == flow:
            node.body.insert(
                1 if ast.get_docstring(node) else 0, ast.parse(f"govflow_test_wipe({str(marker)!r})").body[0]
            )
    own = ast.parse("from prefect import task as govflow_test_task\n" + RISKY).body
    if not any(isinstance(node, ast.FunctionDef) and node.name == "govflow_test_wipe" for node in tree.body):
        at = _after_head(tree)
        tree.body[at:at] = own
    path.write_text(ast.unparse(ast.fix_missing_locations(tree)))


def _after_head(tree: ast.Module) -> int:
    """Behind the docstring and the imports from ``__future__``."""
    at = 1 if ast.get_docstring(tree) else 0
    while at < len(tree.body):
        node = tree.body[at]
        if not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            break
        at += 1
    return at


def _shown(end: dict[str, Any]) -> tuple[Any, Any]:
    return end["state"], end["result"]
