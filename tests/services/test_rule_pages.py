"""Each rule has a page, each page a rule, and the examples of a page do what the page says."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from govflow.approval.models import ApprovalRequest, Binding
from govflow.approval.requests import open_request
from govflow.approval.rules import rule_from
from govflow.audit.record import Draft
from govflow.cli.app import main
from govflow.ir.models import Tier
from govflow.services.findings import RULES
from govflow.services.rule_pages import SECTIONS, rule_page
from govflow.services.workspace import open_workspace
from govflow.settings import Settings, load_settings
from tests import rule_pages

BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"GOVFLOW_{name.upper()}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GOVFLOW_PRINCIPAL", "alice")
    folder = tmp_path / "repo"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def play(folder: Path, section: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Write the files and run the commands of an example, in order; the rules that the last one reports."""
    found: set[str] = set()
    for kind, title, text in BLOCK.findall(section):
        if title:
            (folder / title).parent.mkdir(parents=True, exist_ok=True)
            (folder / title).write_text(_with_digits(text, folder))
            if title == "log.json":
                _write_log(json.loads(text))
        elif kind == "console":
            for line in text.splitlines():
                words = shlex.split(line.removeprefix("$ "))[1:]
                reporting = words[0] in ("check", "deployments", "reconcile") or words[:2] == ["policy", "lint"]
                checking = reporting and "--write-baseline" not in words
                capsys.readouterr()
                code = main([*words, "--format", "json"] if checking else words)
                shown = capsys.readouterr()
                assert code in (0, 1), shown.err
                if checking:
                    found = {finding["code"] for finding in json.loads(shown.out)["findings"]}
    return found


def _write_log(records: list[dict[str, Any]]) -> None:
    """What a page says of the log, in the database of the room."""
    with closing(open_workspace(load_settings())) as workspace:
        now = datetime.now(UTC)
        for one in records:
            draft = Draft(tenant="default", at=now, flow="nightly", **one)
            if one["event"] == "ir.approval_created":
                workspace.store.approvals.open(_question(one["run_id"], one["step_id"], now), draft)
            else:
                workspace.store.append(draft, durable=True)


def _question(run_id: str, step_id: str, now: datetime) -> ApprovalRequest:
    digest = "sha256:" + "ab" * 32
    binding = Binding(
        tenant="default",
        flow="nightly",
        run_id=run_id,
        step_id=step_id,
        ir_hash=digest,
        policy_digest=digest,
        parameters_digest=digest,
    )
    return open_request(
        request_id="q1",
        binding=binding,
        rule=rule_from("one", {"required": 1, "approvers": ["*"]}),
        requester="alice",
        tier=Tier.HIGH,
        policy_rule="ask",
        reason="",
        summary={},
        now=now,
    )


def _with_digits(text: str, folder: Path) -> str:
    """What a page leaves out of a plan hash, from the lock file that the example has written by then."""
    if "…" not in text:
        return text
    (locked,) = json.loads((folder / "govflow.lock").read_text())["flows"].values()
    digits = locked["plan_hash"].removeprefix("sha256:")
    return text.replace("sha256:…", f"sha256:{digits}").replace("plan-…", f"plan-{digits[:16]}")


@pytest.mark.parametrize("code", RULES)
def test_a_page_has_every_section_once(code: str) -> None:
    text = rule_page(code).markdown
    rule = RULES[code]
    assert text.startswith(f"# {code} {rule.name}\n\n*{rule.level}.* {rule.means}\n")
    assert tuple(re.findall(r"^## (.*)$", text, re.MULTILINE)) == SECTIONS


def test_each_page_has_a_rule() -> None:
    from importlib.resources import files

    pages = files("govflow.services").joinpath("rules").iterdir()
    assert sorted(page.name for page in pages if page.name.endswith(".md")) == [f"{code}.md" for code in sorted(RULES)]


@pytest.mark.parametrize("code", RULES)
def test_the_bad_example_gives_the_finding(code: str, room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code in play(room, rule_page(code).section("Bad"), capsys)


@pytest.mark.parametrize("code", RULES)
def test_the_good_example_does_not(code: str, room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code not in play(room, rule_page(code).section("Good"), capsys)


def test_the_pages_of_the_repository_are_those_of_the_wheel() -> None:
    """``python -m tests.rule_pages`` writes them."""
    there = {path.name: path.read_text("utf-8") for path in rule_pages.FOLDER.iterdir()}
    assert there == rule_pages.pages()


def _commands() -> Iterator[str]:
    for code in RULES:
        yield from re.findall(r"govflow [a-z]+", rule_page(code).markdown)


def test_the_pages_name_commands_that_are_there() -> None:
    assert set(_commands()) <= {
        f"govflow {word}"
        for word in (
            "check",
            "lock",
            "plan",
            "diff",
            "explain",
            "deploy",
            "deployments",
            "doctor",
            "people",
            "reconcile",
            "audit",
            "policy",
        )
    }
