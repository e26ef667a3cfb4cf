"""The pages of the audit log are played from top to bottom: what they say to type works, in that order."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from govflow.audit.record import Draft
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Result, Run

DOCS = Path(__file__).parents[2] / "docs"
RUN = "6ac954a9-7a3c-4a51-9a5e-2f7c1a0a7c11"
ELSEWHERE = ("GOVFLOW__KILLS=", "GOVFLOW__FAULTS=", "govflow audit witness ", "--witness ")
"""What other tests do: the tests of faults, and witnesses, which are processes of their own."""


@pytest.fixture
def log(repo: Path) -> None:
    """Records of a year ago and of now, so many that there is a 4711th; those of one run commit to values."""
    now = datetime.now(UTC)
    with_values: dict[str, Any] = {"payload": {"rule": "high-risk-needs-two"}, "values": {"mail": "ann@example.org"}}
    workspace = open_workspace(load_settings())
    for number in range(4_720):
        at = now - timedelta(days=400 if number < 2_000 else 1)
        draft = Draft("run.opened", "default", at, subject="olga", run_id=f"run-{number // 10}", payload={"n": number})
        workspace.store.append(draft, durable=False)
    workspace.store.append(
        Draft("step.intent", "default", now, subject="olga", run_id=RUN, **with_values), durable=True
    )
    workspace.close()


def lines(page: str) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    typed = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [line for line in typed if not any(word in line for word in ELSEWHERE)]


def typed(line: str, run: Run, hold: str) -> Result:
    """Run a line as a shell would that knows ``#``, ``>`` and ``$(cat FILE)``."""
    line = line.replace("h-1f2e3d4c", hold)
    program, *words = shlex.split(line, comments=True)
    assert program == "govflow"
    out = words[words.index(">") + 1 :] if ">" in words else []
    words = words[: len(words) - 2] if out else words
    words = [re.sub(r"^\$\(cat (.*)\)$", lambda name: Path(name[1]).read_text(), word) for word in words]
    done = run(*words)
    for name in out:
        Path(name).write_text(done.out)
    return done


@pytest.mark.usefixtures("log")
def test_what_the_page_says_to_type_works_in_its_order(run: Run) -> None:
    hold, said = "", dict[str, str]()
    for line in lines("audit.md"):
        done = typed(line, run, hold)
        assert done.code == 0, (line, done)
        hold = next(iter(re.findall(r"h-[0-9a-f]{8}", done.out)), hold)
        said[line] = done.out
    commands = {line.split()[2] for line in said}
    assert {"erase", "hold", "holds", "release", "prune", "query", "stats", "checkpoint", "prove", "check"} <= commands
    told = [out for line, out in said.items() if line.startswith("govflow audit erase")]
    assert told[0] != told[1] and "1 value" in told[1]
    assert "record 4711" in next(out for line, out in said.items() if " check " in line).lower()
    assert f"{RUN}" in said[f"govflow audit query --run {RUN}"]
    assert run("audit", "verify", "--key", Path("log.key").read_text()).out.startswith("verified")


@pytest.mark.usefixtures("log")
def test_the_forms_of_other_tools_are_made_as_their_page_says(run: Run, repo: Path) -> None:
    for line in [line for line in lines("audit-export.md") if " --to " in line]:
        done = typed(line, run, "")
        if "parquet" in line and find_spec("pyarrow") is None:
            assert (done.code, "pip install pyarrow" in done.err) == (2, True), done
            continue
        assert done.code == 0, (line, done)
        assert (repo / shlex.split(line)[3]).stat().st_size, line
    assert len((repo / "events.jsonl").read_text().splitlines()) > 4_720
