"""The pages say what the commands and settings are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from govflow.services.describe.formats.comment import MARK
from govflow.services.findings import RULES
from govflow.settings import LOCK_NAME, Settings
from tests.cli.conftest import FLOW, Run
from tests.cli.test_plans import EDITED, git

DOCS = Path(__file__).parents[2] / "docs"


def test_every_setting_is_on_its_page_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `?([^|`]*)`? \|", (DOCS / "settings.md").read_text(), re.MULTILINE)
    assert [name for name, _ in rows] == list(Settings.model_fields)
    defaults = dict(rows)
    assert defaults["lock"].strip() == LOCK_NAME
    for name in ("tenant", "environment", "approval_ttl_seconds", "spool", "log_format"):
        assert defaults[name].strip() == str(Settings.model_fields[name].default)


def test_every_rule_is_on_its_page_with_its_level() -> None:
    rows = re.findall(r"^\| (GF\d+) \| (\S+) \| (\w+) \| (.*) \|$", (DOCS / "cli.md").read_text(), re.MULTILINE)
    assert rows == [(rule.code, rule.name, str(rule.level), rule.means) for rule in RULES.values()]


def test_every_command_is_on_its_page(run: Run) -> None:
    page = (DOCS / "cli.md").read_text()
    groups = ("approvals", "people", "audit", "receipt", "permits", "keys", "deployments", "policy")
    for group in ((), *((name,) for name in groups)):
        for name in re.findall(r"^│ ([a-z][\w-]*)  ", run(*group, "--help").out, re.MULTILINE):
            if name not in groups:
                assert f"`govflow {' '.join((*group, name))}" in page, name


def test_the_ten_minutes_of_the_ci_page_go_as_it_says(repo: Path, run: Run) -> None:
    page = (DOCS / "ci.md").read_text()
    assert f"`{MARK}`" in page
    first, second = re.findall(r"```console\n(.*?)```", page.partition("## In ten minutes")[2], re.DOTALL)[:2]
    git(repo, "init", "-q", "-b", "main")
    secret = FLOW.replace("table: str)", 'table: str, password: str = "")').replace(
        "load(table)", 'load(table, "gnomon-7f")'
    )
    (repo / "flows" / "etl.py").write_text(secret)

    def play(block: str) -> list[int]:
        codes = []
        for line in block.splitlines():
            program, *words = shlex.split(line.removeprefix("$ "))
            if program == "git":
                git(repo, *words)
            else:
                codes.append(run(*words).code)
        return codes

    assert play(first) == [1, 0, 0]
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "the rest")
    git(repo, "update-ref", "refs/remotes/origin/main", "HEAD")
    assert play(second) == [0, 0, 0], "green from the first day"
    (repo / "flows" / "etl.py").write_text(EDITED)
    assert play(second) == [1, 1, 0], "red until it is looked at and locked"
    assert play(second) == [0, 1, 0]


def test_the_json_of_a_check_has_the_fields_of_its_page(repo: Path, run: Run) -> None:
    section = (DOCS / "cli.md").read_text().partition("The JSON document has")[2].partition("Lines and columns")[0]
    rows = re.findall(r"^\| (`.*?`) \| (.*) \|$", section, re.MULTILINE)
    document = run("check", "flows", "--format", "json").json
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row[0])] == list(document)
    told = dict(rows)
    assert re.findall(r"`(\w+)`", told["`findings`"]) == list(document["findings"][0])
    assert re.findall(r"`(\w+)`", told["`flows`"]) == list(document["flows"][0])
