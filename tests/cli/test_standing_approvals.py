"""A standing approval from its proposal to its end, at the terminal, under a policy file that allows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.conftest import Run


def test_a_standing_approval_is_proposed_answered_listed_and_taken_back(run: Run, repo: Path) -> None:
    policy = repo / "policy.yaml"
    terms = 'approvers: ["role:owner"], standing: {max_runs: 3, ttl_seconds: 864000}'
    policy.write_text(policy.read_text().replace('approvers: ["role:owner"]', terms))
    assert run("lock", "flows", "--approve", "--as", "bob").code == 0
    until = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    (step,) = [
        one["step_id"]
        for one in run("plan", "flows/etl.py", "--format", "json").json["flows"][0]["steps"]
        if "purge" in one["step_id"]
    ]
    words = ["--flow", "nightly", "--step", step, "--until", until, "--as", "alice", "--where", "table=staging"]
    wide = run("approvals", "stand", *words, "--runs", "4")
    assert (wide.code, "allows 1 to 3" in wide.err) == (2, True)
    asked = run("approvals", "stand", *words, "--where", "table=test", "--runs", "3", "--format", "json")
    assert (asked.code, asked.err) == (0, "")
    name = asked.json["request_id"]
    assert asked.json["summary"]["parameters"] == {"table": ["staging", "test"]}
    shown = run("approvals", "show", name).out
    assert "table is staging or test" in shown and "Nobody waits for the answer" in shown
    assert "people are asked" in run("approvals", "standing").out
    assert run("approvals", "approve", name, "--as", "alice").err.startswith("error[self-approval]")
    assert "it is in force" in run("approvals", "approve", name, "--as", "bob").out
    (listed,) = run("approvals", "standing", "--format", "json").json["standing"]
    assert (listed["state"], listed["left"], listed["approved_by"]) == ("in force", 3, ["bob"])
    assert run("approvals", "revoke", name, "--as", "alice").code == 0
    assert "revoked" in run("approvals", "standing").out
