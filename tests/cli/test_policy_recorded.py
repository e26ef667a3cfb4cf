"""`govflow policy simulate` and `replay`: what they read, what they say, how they end."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from benchmarks.policy_replay import measure
from govflow.policy import Engine, load_policy
from govflow.policy.request_form import request_of
from tests.cli.conftest import POLICY, Run

STRICT = POLICY.replace("{lte: 1}", "{lte: 0}")
DIGEST = load_policy(POLICY, "policy.yaml").digest


def line(number: int, tier: int, **more: Any) -> dict[str, Any]:
    form = {
        "action": "data:read",
        "provider": "duckdb",
        "resource": f"dataset://acme/t{number}",
        "subject": {"name": "rita", "roles": []},
        "step": {"id": f"nightly/load#{number}", "tier": tier},
        "run": {"tenant": "acme"},
        **more,
    }
    said = Engine(load_policy(POLICY, "policy.yaml")).decide(request_of(form))
    return {
        "at": f"2026-11-{number + 10}T00:00:00.000000Z", "run_id": f"run-{number}", "flow": "nightly",
        "step_id": f"nightly/load#{number}", "policy_digest": DIGEST, "effect": str(said.effect), "rule": said.rule,
        "rules": list(said.rules), "requests": [form],
    }  # fmt: skip


@pytest.fixture
def decisions(repo: Path) -> Path:
    """Four decisions by the policy of the repository."""
    return written(repo, [line(number, number) for number in range(4)])


def written(repo: Path, lines: list[dict[str, Any]]) -> Path:
    file = repo / "decisions.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return file


@pytest.mark.covers("B-08")
def test_changes_are_counted_and_shown_by_rule_and_flow(decisions: Path, run: Run, repo: Path) -> None:
    (repo / "candidate.yaml").write_text(STRICT)
    result = run("policy", "simulate", "candidate.yaml", "--records", "decisions.jsonl")
    assert result.code == 1
    assert "held against 4 recorded decisions of 2026-11-10 to 2026-11-13" in result.out
    assert "newly denied   1" in result.out
    assert "unchanged      3" in result.out
    assert "  rule  default  1" in result.out
    assert "  flow  nightly  1" in result.out
    assert "was allow by safe; now deny by default: No rule matches" in result.out
    assert run("policy", "simulate", "policy.yaml", "--records", "decisions.jsonl").code == 0


def test_what_counts_as_a_failure_can_be_said(decisions: Path, run: Run, repo: Path) -> None:
    (repo / "candidate.yaml").write_text(POLICY.replace("{lte: 1}", "{lte: 3}"))  # only milder
    words = ("policy", "simulate", "candidate.yaml", "--records", "decisions.jsonl")
    assert run(*words).code == 1
    assert run(*words, "--fail-on", "denied").code == 0
    assert run(*words, "--fail-on", "never").code == 0
    (repo / "candidate.yaml").write_text(STRICT)
    assert run(*words, "--fail-on", "denied").code == 1
    assert run(*words, "--fail-on", "never").code == 0


def test_programs_and_pull_requests_read_the_same(decisions: Path, run: Run, repo: Path) -> None:
    (repo / "candidate.yaml").write_text(STRICT)
    words = ("policy", "simulate", "candidate.yaml", "--records", "decisions.jsonl", "--limit", "0")
    told = run(*words, "--format", "json").json
    assert (told["records"], told["changed"]) == (4, 1)
    assert told["changes"]["newly_denied"] == {
        "decisions": 1, "runs": 1, "flows": {"nightly": 1}, "rules": {"default": 1}, "examples": [],
    }  # fmt: skip
    run(*words, "--format", "md", "--output", "out.md")
    assert "| newly denied | 1 | 1 | 1 |" in (repo / "out.md").read_text()


def test_what_was_not_recorded_is_named_and_not_guessed(decisions: Path, run: Run, repo: Path) -> None:
    (repo / "candidate.yaml").write_text(POLICY.replace("step.tier: {lte: 1}", "parameters.region: {equals: us}"))
    result = run("policy", "simulate", "candidate.yaml", "--records", "decisions.jsonl")
    assert "cannot judge   4" in result.out
    assert "  not known  parameters.region  4" in result.out
    assert "now allow or deny: parameters.region is not known" in result.out


def test_replay_finds_a_decision_that_is_not_what_the_policy_says(decisions: Path, run: Run, repo: Path) -> None:
    assert run("policy", "replay", "decisions.jsonl").code == 0
    written(repo, [{**line(0, 0), "effect": "deny"}, line(1, 1), {**line(2, 2), "policy_digest": "sha256:0"}])
    result = run("policy", "replay", "decisions.jsonl")
    assert result.code == 1
    assert "decided otherwise than recorded  1" in result.out
    assert "was deny by safe; now allow by safe" in result.out
    assert "1 decisions of 1 other policies were left out" in result.out


def test_a_replay_of_nothing_is_no_pass(run: Run, repo: Path) -> None:
    written(repo, [])
    assert run("policy", "replay", "decisions.jsonl").code == 1
    written(repo, [{**line(0, 0), "policy_digest": "sha256:0"}])
    assert run("policy", "replay", "decisions.jsonl").code == 1
    written(repo, [{**line(0, 2), "erased": ["step.tier"]}])
    assert run("policy", "replay", "decisions.jsonl").code == 1


def test_an_export_is_for_its_user_alone_and_holds_no_secrets(run: Run, repo: Path) -> None:
    parameters = {"api_token": "canary-7f", "region": "us"}
    written(repo, [line(0, 0, parameters=parameters), line(1, 1, resource="postgresql://u:canary-pw@db/x")])
    assert run("policy", "replay", "decisions.jsonl", "--export", "out.jsonl").code == 0
    text = (repo / "out.jsonl").read_text()
    assert "canary" not in text
    assert stat.S_IMODE((repo / "out.jsonl").stat().st_mode) == 0o600
    first, second = map(json.loads, text.splitlines())
    assert (first["erased"], first["requests"][0]["parameters"]) == (["parameters.api_token"], {"region": "us"})
    assert second["erased"] == ["resource"]
    told = run("policy", "simulate", "policy.yaml", "--records", "decisions.jsonl", "--format", "json").out
    assert "canary" not in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{\n", "decisions.jsonl:1: not JSON."),
        ("[]\n", "decisions.jsonl:1: the line: not an object."),
        ('\n{"effect": "alow"}\n', "decisions.jsonl:2: effect: no effect."),
    ],
)
def test_a_line_that_is_no_decision_is_named(run: Run, repo: Path, text: str, said: str) -> None:
    (repo / "decisions.jsonl").write_text(text)
    result = run("policy", "replay", "decisions.jsonl")
    assert (result.code, result.out) == (2, "")
    assert said in result.err


@pytest.mark.parametrize("records", ["nowhere.jsonl", "nowhere.db"])
def test_records_that_are_not_there_are_an_error(run: Run, repo: Path, records: str) -> None:
    result = run("policy", "simulate", "policy.yaml", "--records", records)
    assert (result.code, result.out) == (2, "")
    assert not (repo / records).exists()


def test_a_foreign_database_is_not_read_as_a_log(run: Run, repo: Path) -> None:
    sqlite3.connect(repo / "other.db").execute("CREATE TABLE t (x)").connection.close()
    assert run("policy", "replay", "other.db").code == 2


def test_thousands_are_judged_as_they_are_read(tmp_path: Path) -> None:
    found, seconds = measure(5000, tmp_path)
    assert sum(group.count for group in found.groups.values()) == 5000
    assert seconds < 5000 * 0.002  # a thirtieth of that is usual


def test_the_line_of_the_page_is_a_decision(run: Run, repo: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "policy-tools.md").read_text()
    (text,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (repo / "decisions.jsonl").write_text(text)
    assert run("policy", "simulate", "policy.yaml", "--records", "decisions.jsonl").code == 0


def test_a_simulation_of_nothing_is_no_pass(run: Run, repo: Path) -> None:
    words = ("policy", "simulate", "policy.yaml", "--records", "decisions.jsonl")
    for lines in ([], [{**line(0, 2), "erased": ["step.tier"]}]):
        written(repo, lines)
        assert run(*words).code == 2
        assert run(*words, "--fail-on", "never").code == 0


def test_an_export_over_the_file_that_is_read_loses_nothing(decisions: Path, run: Run) -> None:
    assert run("policy", "replay", "decisions.jsonl", "--export", "decisions.jsonl").code == 0
    assert len(decisions.read_text().splitlines()) == 4
