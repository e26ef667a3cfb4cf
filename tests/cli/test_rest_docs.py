"""docs/rest.md: its commands are run against a real console, and its tables hold what the API has."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi import FastAPI

import govflow
from govflow.console.api import openapi, router
from tests.cli.open_streams import PATIENCE
from tests.cli.signers import eventually, program
from tests.cli.test_console import asked
from tests.console.api_place import a_place, ask
from tests.ports import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "rest.md").read_text(encoding="utf-8")
ADDRESS = "127.0.0.1:4300"
REQUEST = "7c4e2f"


@dataclass
class Shell:
    """What somebody types who reads the page from top to bottom."""

    folder: Path
    port: int
    env: dict[str, str] = field(default_factory=dict)

    def type(self, line: str) -> str:
        """What a line prints; it has to end well."""
        name, _, value = line.removeprefix("export ").partition("=")
        if line.startswith("export "):
            self.env[name] = value
            return ""
        line = line.replace(ADDRESS, f"127.0.0.1:{self.port}")
        done = subprocess.run(
            ["bash", "-euc", line],
            check=False,
            cwd=self.folder,
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


def snippets() -> list[tuple[str, str]]:
    """Each command of the page with what the page says that it prints."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for part in block.replace("\\\n", "").split("$ ")[1:]:
            line, _, printed = part.partition("\n")
            found.append((re.sub(r" +", " ", line), printed.strip()))
    return found


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("curl or bash is not installed")
    port, programs = free_port(), tmp_path / "bin"
    programs.mkdir()
    command = programs / "govflow"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m govflow.cli "$@"\n')
    command.chmod(0o755)
    with_requests = a_place(tmp_path)
    ask(with_requests, REQUEST)
    ask(with_requests, "another", run_id="run-2")
    with_requests.close()
    own = {
        "HOME": str(tmp_path),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(govflow.__file__).parents[1]),
        "GOVFLOW_DATABASE_URL": f"sqlite:///{tmp_path}/gov.db",
        "GOVFLOW_POLICY": str(tmp_path / "policy.yaml"),
        "NO_COLOR": "1",
    }
    with program("console", "--port", str(port), cwd=tmp_path, **own) as console:
        console.until("^govflow console: http")
        assert eventually(lambda: answers(port))
        yield Shell(tmp_path, port, own)


def answers(port: int) -> bool:
    try:
        return asked(port, "/health")[0] == 200
    except OSError:
        return False


def test_its_commands_do_what_it_says(shell: Shell) -> None:
    key = ""
    done = {}
    for written, printed in snippets():
        assert key or "gfk_…" not in written, "a key was shown by the command before"
        line = written.replace("gfk_…", key)
        said = shell.type(line)
        if shown := re.search(r"gfk_\S+", said):
            key = shown[0]
        if printed:
            assert re.fullmatch(re.escape(printed).replace("…", ".*"), said.strip()), said
        if line.startswith("curl"):
            done[line] = json.loads(said)
            assert "code" not in done[line], "an error"
    me, search, vote = done.values()
    assert me["waiting"] == "2"
    assert {one["request_id"] for one in search["requests"]} == {REQUEST, "another"}
    assert f"requests/{REQUEST}/votes" in list(done)[-1]
    (cast,) = vote["votes"]
    assert (cast["principal"], cast["decision"], cast["reason"]) == ("ci-bot", "approve", "row counts are right")
    assert (shell.folder / ".govflow-key").stat().st_mode & 0o077 == 0, "nobody else reads the key"


def test_its_table_has_the_routes_that_there_are() -> None:
    table = "\n".join(line for line in PAGE.splitlines() if re.match(r"\| `(GET|POST) ", line))
    told = set(re.findall(r"`(?:GET|POST) (/api/v1\S*)`", table))
    ends = tuple(re.findall(r"`POST …(/\S+)`", table))
    app = FastAPI()
    app.include_router(router)
    there = set(openapi(app.routes)["paths"])
    assert told <= there
    assert not {path for path in there - told if not path.endswith(ends)}
