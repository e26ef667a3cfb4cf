"""plan, lock, diff and check, and every way in which their input can be bad."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govflow.audit.record import Draft
from govflow.ir.hashing import plan_hash
from govflow.ir.lock import plan_key
from govflow.services.plan_flows import read_flows
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import FLOW, POLICY, Run, files

EDITED = FLOW.replace("    purge(table, load(table))\n", "    purge(table, load(table))\n    purge('other', 3)\n")


def git(repo: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=repo, check=True, capture_output=True)


@pytest.fixture
def locked(repo: Path, run: Run) -> Path:
    assert run("lock", "flows").code == 0
    return repo


def test_a_plan_is_shown_and_nothing_is_written(repo: Path, run: Run) -> None:
    before = files(repo.parent)
    result = run("plan", "flows/etl.py")
    assert result.code == 0
    assert re.search(r"nightly/purge#1 +3 +escalate", result.out)
    assert files(repo.parent) == before, "no database, no lock, no bytecode"


@pytest.mark.parametrize("target", ["flows", "flows/etl.py", "flows/etl.py:nightly", "./flows/../flows/etl.py"])
def test_a_flow_has_one_name_however_it_is_pointed_at(run: Run, target: str) -> None:
    assert [flow["name"] for flow in run("plan", target, "--format", "json").json["flows"]] == ["flows/etl.py:nightly"]


def test_a_flow_has_one_name_from_every_folder(repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    here = run("plan", "flows", "--format", "json").json
    monkeypatch.chdir(repo / "flows")
    assert run("plan", "etl.py", "--format", "json").json == here


def test_a_plan_as_markdown_and_as_mermaid(run: Run) -> None:
    assert run("plan", "flows", "--format", "md").out.startswith("### Plan of `nightly`")
    assert run("plan", "flows", "--format", "mermaid").out.startswith("flowchart TD\n")


def test_a_plan_is_judged_for_the_environment_that_is_asked(repo: Path, run: Run) -> None:
    text = FLOW.replace('action="data:read"', 'action="data:write"')
    (repo / "flows" / "etl.py").write_text(text)
    tiers = {}
    for environment in ("development", "production"):
        flow = run("plan", "flows", "--environment", environment, "--format", "json").json["flows"][0]
        tiers[environment] = {step["step_id"]: step["tier"] for step in flow["steps"]}
    assert tiers["development"]["nightly/load#1"] < tiers["production"]["nightly/load#1"] == 2


def test_a_lock_is_the_same_bytes_every_time(locked: Path, run: Run) -> None:
    text = (locked / "govflow.lock").read_bytes()
    assert json.loads(text)["flows"].keys() == {"flows/etl.py:nightly"}
    result = run("lock", "flows")
    assert "unchanged" in result.out
    assert (locked / "govflow.lock").read_bytes() == text
    assert not (locked.parent / "gov").exists(), "a lock alone needs no database"


def test_a_check_of_locked_code_is_clean(locked: Path, run: Run) -> None:
    result = run("check", "flows")
    assert result.code == 0
    assert result.out == "1 flow checked: 0 errors, 0 warnings\n"
    everything = run("check", "flows", "--all")
    assert everything.code == 0
    assert "GF203 approval-needed" in everything.out, "said, and not a failure"


def test_a_check_refuses_an_edit_and_shows_the_difference(locked: Path, run: Run) -> None:
    (locked / "flows" / "etl.py").write_text(EDITED)
    before = files(locked)
    result = run("check", "flows")
    assert result.code == 1
    assert "error[GF102 plan-drift]" in result.out
    assert "+ nightly/purge#2  data:delete duckdb dataset://acme/" in result.out
    assert "nightly/purge#2: tier 3" in result.out
    assert "mend: Have the change reviewed" in result.out
    assert files(locked) == before


def test_a_check_reports_as_json_and_as_a_page(locked: Path, run: Run) -> None:
    (locked / "flows" / "etl.py").write_text(EDITED)
    result = run("check", "flows", "--format", "json")
    assert (result.code, result.err) == (1, "")
    assert not result.json["clean"]
    drift = next(one for one in result.json["findings"] if one["code"] == "GF102")
    assert (drift["name"], drift["level"], drift["flow"]) == ("plan-drift", "error", "flows/etl.py:nightly")
    change = result.json["flows"][0]["change"]
    assert change["steps"][0] | {"why": "", "rule": ""} == {
        "step_id": "nightly/purge#2",
        "tier": [None, 3],
        "verdict": [None, "escalate"],
        "rule": "",
        "why": "",
        "approval": "owner",
        "asks": {"rule": "owner", "required": 1, "approvers": ["role:owner"], "people": ["bob"]},
    }
    page = run("check", "flows", "--format", "md")
    assert page.code == 1
    assert "```diff\n+ nightly/purge#2" in page.out


def test_a_flow_that_is_not_locked_is_found(repo: Path, run: Run) -> None:
    result = run("check", "flows")
    assert result.code == 1
    assert "error[GF101 not-locked]" in result.out


def test_a_locked_flow_that_is_gone_is_found_and_leaves_the_lock(locked: Path, run: Run) -> None:
    (locked / "flows" / "etl.py").write_text(FLOW.replace("nightly", "weekly"))
    result = run("check", "flows")
    assert result.code == 1
    assert "flows/etl.py:nightly: error[GF103 flow-gone]" in result.out
    assert run("lock", "flows").code == 0
    assert json.loads((locked / "govflow.lock").read_text())["flows"].keys() == {"flows/etl.py:weekly"}


@pytest.mark.parametrize(
    ("gone", "named"), [("file", "flows"), ("file", "flows/etl.py"), ("folder", "flows"), ("flow", "flows/etl.py")]
)
def test_the_way_out_of_a_flow_that_is_gone_can_be_walked(locked: Path, run: Run, gone: str, named: str) -> None:
    """The command of the mend, as it is printed, whether the flow left with its file, its folder or alone."""
    place = locked / "flows" / "etl.py"
    if gone == "flow":
        place.write_text("flow = None\n")
    else:
        place.unlink()
    if gone == "folder":
        shutil.rmtree(place.parent)
    found = run("check", named)
    assert found.code == 1
    command = found.out.split("write the lock again: ")[1].splitlines()[0]
    assert command == "govflow lock flows/etl.py"
    assert run(*command.split()[1:]).code == 0
    assert json.loads((locked / "govflow.lock").read_text())["flows"] == {}
    assert run("check", named).code == 2, "neither source nor lock knows of it any more"


def test_a_file_that_neither_source_nor_lock_knows_is_a_slip(locked: Path, run: Run) -> None:
    for command in ("check", "lock"):
        result = run(command, "flows/etk.py")
        assert (result.code, result.out) == (2, "")
        assert "Did you mean flows/etl.py?" in result.err


def test_a_lock_with_the_marks_of_a_merge_has_a_way_out(locked: Path, run: Run) -> None:
    place = locked / "govflow.lock"
    before = place.read_text()
    place.write_text(before.replace("{", "<<<<<<< HEAD\n{", 1))
    for command in ("check", "lock"):
        result = run(command, "flows")
        assert (result.code, result.out) == (2, "")
        assert "or remove it; then write it again: govflow lock PATH" in result.err
    place.unlink()
    assert run("lock", "flows").code == 0
    assert place.read_text() == before


def test_a_text_that_no_plan_can_hold_is_a_finding_of_its_file(locked: Path, run: Run) -> None:
    (locked / "flows" / "odd.py").write_text(FLOW.replace('name="nightly"', 'name="a\\ud800b"'))
    result = run("check", "flows")
    assert result.code == 1
    assert "flows/odd.py: error[GF303 unreadable] flows/odd.py: no plan can hold a text of this file" in result.out
    assert "1 flow checked" in result.out


def test_a_path_that_neither_revision_has_is_no_clean_diff(locked: Path, run: Run) -> None:
    git(locked, "init", "-q", "-b", "main")
    git(locked, "add", "-A")
    git(locked, "commit", "-qm", "one")
    for span in ("main..HEAD", "main.."):
        assert run("diff", span, "flows").code == 0
        result = run("diff", span, "flwos")
        assert (result.code, result.out) == (2, "")
        assert "flwos: neither side has such a file or folder" in result.err
    (locked / "more").mkdir()
    (locked / "more" / "b.py").write_text(FLOW)
    assert run("diff", "main..", "more").code == 1
    (locked / "flows" / "etl.py").unlink()
    assert run("diff", "main..", "flows/etl.py").code == 1


def test_a_hook_of_git_does_not_move_the_repository(
    locked: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a linked working tree git gives its hooks GIT_DIR, and would then take any folder for the top."""
    git(locked, "init", "-q", "-b", "main")
    git(locked, "add", "-A")
    git(locked, "commit", "-qm", "one")
    monkeypatch.setenv("GIT_DIR", str(locked / ".git"))
    monkeypatch.setenv("GOVFLOW_LOCK", "../govflow.lock")
    monkeypatch.chdir(locked / "flows")
    assert run("diff", "main..", ".").out == "no changes\n"
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another"))
    assert run("diff", "main..", ".").out == "no changes\n"


def test_a_command_that_is_recommended_is_fit_for_a_shell(repo: Path, run: Run) -> None:
    (repo / "flows" / "$(touch pwned).py").write_text(FLOW)
    assert "mend: govflow lock 'flows/$(touch pwned).py'\n" in run("check", "flows").out


def test_a_flow_elsewhere_in_the_lock_is_left_alone(locked: Path, run: Run) -> None:
    """Checking or locking one folder says nothing of another."""
    (locked / "other").mkdir()
    (locked / "other" / "b.py").write_text(FLOW.replace("nightly", "weekly"))
    assert run("lock", "other").code == 0
    assert run("check", "other").code == 0
    assert len(json.loads((locked / "govflow.lock").read_text())["flows"]) == 2


def test_a_change_that_raises_the_tier_says_so(locked: Path, run: Run) -> None:
    harmless = FLOW.replace("data:delete", "data:read").replace("def purge", "def show").replace("purge(", "show(")
    (locked / "flows" / "etl.py").write_text(harmless)
    assert run("lock", "flows").code == 0
    (locked / "flows" / "etl.py").write_text(FLOW)
    result = run("check", "flows")
    assert "warning[GF104 tier-raised] The change raises the flow from tier 0 to 3." in result.out


def test_a_denied_step_fails_the_check(locked: Path, run: Run) -> None:
    denying = POLICY.replace("effect: require_approval", "effect: deny").replace(", approval: owner", "")
    (locked / "policy.yaml").write_text(denying)
    result = run("check", "flows")
    assert result.code == 1
    assert re.search(r"flows/etl\.py:\d+:\d+ nightly/purge#1: error\[GF201 denied\] Rule 'risky' denies it", result.out)


def test_an_approval_rule_that_nobody_of_the_file_can_meet_is_warned_of(locked: Path, run: Run) -> None:
    (locked / "policy.yaml").write_text(POLICY.replace("required: 1", "required: 2"))
    result = run("check", "flows")
    assert result.code == 0
    assert "GF205 nobody-can-approve" in result.out
    assert "Known here are the people of" in result.out
    assert not list(locked.rglob("*.db")), "the check opens no database"


def test_a_step_that_names_a_missing_approval_rule_fails_the_check(repo: Path, run: Run) -> None:
    (repo / "flows" / "etl.py").write_text(FLOW.replace('approval="owner"', 'approval="boss"'))
    assert run("lock", "flows").code == 0
    result = run("check", "flows")
    assert result.code == 1
    assert re.search(r"GF204 no-approval-rule\] The approval rule 'boss' is not in .*there are: owner", result.out)


def test_a_file_of_a_folder_that_cannot_be_read_fails_the_check_and_names_it(locked: Path, run: Run) -> None:
    (locked / "flows" / "broken.py").write_text("from prefect import flow\ndef (:\n")
    result = run("check", "flows")
    assert result.code == 1
    assert "GF303 unreadable" in result.out
    assert "broken.py" in result.out
    assert "flows/etl.py:nightly" in run("plan", "flows").out, "the others are still shown"
    assert run("plan", "flows").code == 1


def test_a_diff_of_code_and_lock(locked: Path, run: Run) -> None:
    assert (run("diff", "flows").code, run("diff", "flows").out) == (0, "no changes\n")
    (locked / "flows" / "etl.py").write_text(EDITED)
    result = run("diff", "flows")
    assert result.code == 1
    assert "flows/etl.py:nightly: changed (tier 3, verdict escalate)" in result.out
    assert run("diff", "flows", "--format", "json").json["changed"] is True
    assert "```diff" in run("diff", "flows", "--format", "md").out


def test_a_diff_of_two_git_revisions_checks_out_neither(repo: Path, run: Run) -> None:
    git(repo, "init", "-q")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "one")
    (repo / "flows" / "etl.py").write_text(EDITED)
    result = run("diff", "HEAD..", "flows")
    assert result.code == 1, "an empty HEAD is the working tree"
    assert "+ nightly/purge#2" in result.out
    git(repo, "commit", "-qam", "two")
    (repo / "flows" / "etl.py").write_text("not python (")
    for span in ("HEAD~1..HEAD", "HEAD~1...HEAD"):
        result = run("diff", span, "flows/etl.py")
        assert (result.code, result.err) == (1, "")
        assert "+ nightly/purge#2" in result.out
    assert run("diff", "HEAD..HEAD", "flows").code == 0
    assert (repo / "flows" / "etl.py").read_text() == "not python ("


def test_a_diff_of_git_revisions_follows_imports_of_that_revision(repo: Path, run: Run) -> None:
    """A helper that changed on one side only is seen, though both sides import the same name."""
    (repo / "flows" / "names.py").write_text("TABLE = 'a'\n\n\ndef helper():\n    return 1\n")
    text = FLOW.replace(
        "def load(table: str) -> int:\n    return 1", "def load(table: str) -> int:\n    return helper()"
    )
    (repo / "flows" / "etl.py").write_text("from names import helper\n" + text)
    git(repo, "init", "-q")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "one")
    (repo / "flows" / "names.py").write_text("TABLE = 'a'\n\n\ndef helper():\n    return 2\n")
    git(repo, "commit", "-qam", "two")
    result = run("diff", "HEAD~1..HEAD", "flows/etl.py")
    assert result.code == 1
    assert "code changed" in result.out


def test_a_diff_of_two_lock_files(locked: Path, run: Run) -> None:
    (locked / "govflow.lock").rename(locked / "old.lock")
    (locked / "flows" / "etl.py").write_text(EDITED)
    assert run("lock", "flows").code == 0
    assert "+ nightly/purge#2" in run("diff", "old.lock", "govflow.lock").out


def test_an_approved_plan_is_recorded_with_the_name_and_how_it_is_known(locked: Path, run: Run) -> None:
    result = run("lock", "flows", "--approve", "--as", "bob")
    assert result.code == 0
    assert "approved by bob (claimed, not authenticated)" in result.out
    (record,) = run("audit", "tail", "--event", "plan.approved", "--format", "json").json["records"]
    assert record["body"]["subject"] == "bob"
    assert record["body"]["payload"]["assurance"] == "claimed, not authenticated"
    (locked / "flows" / "etl.py").write_text(EDITED)
    again = run("lock", "flows", "--approve", "--as", "carol")
    assert "replaces sha256:" in again.out
    assert "+ nightly/purge#2" in again.out


def test_a_plan_taken_on_first_use_is_not_said_to_be_approved(locked: Path, run: Run) -> None:
    workspace = open_workspace(load_settings())
    (flow,) = read_flows(["flows"], locked, workspace.vocabulary).flows
    digest, now = plan_hash(flow.plan), datetime.now(UTC)
    draft = Draft("plan.trusted", "default", now, subject="alice")
    workspace.store.plans.approve("default", plan_key(flow.plan), flow.plan, digest, "alice", now, draft)
    workspace.close()
    result = run("lock", "flows", "--approve", "--as", "bob")
    assert "taken on first use: nobody had approved it" in result.out


def test_a_flow_of_the_same_name_does_not_take_over_an_approval(locked: Path, run: Run) -> None:
    """Whoever approves ``b.py`` says nothing of ``etl.py``, though Prefect shows one name for both."""
    assert run("lock", "flows", "--approve", "--as", "bob").code == 0
    (locked / "flows" / "b.py").write_text(EDITED)
    assert run("lock", "flows/b.py", "--approve", "--as", "carol").code == 0
    workspace = open_workspace(load_settings())
    plans = {flow.name: flow.plan for flow in read_flows(["flows"], locked, workspace.vocabulary).flows}
    in_force = {name: workspace.store.plans.current("default", plan_key(plan)) for name, plan in plans.items()}
    workspace.close()
    approved = {name: (found.principal, found.plan_hash) for name, found in in_force.items() if found is not None}
    assert approved == {
        "flows/etl.py:nightly": ("bob", plan_hash(plans["flows/etl.py:nightly"])),
        "flows/b.py:nightly": ("carol", plan_hash(plans["flows/b.py:nightly"])),
    }


def test_two_flows_that_nothing_tells_apart_cannot_be_approved_together(repo: Path, run: Run) -> None:
    """One name, one function, one file name: the approval of the second would replace that of the first."""
    (repo / "flows" / "sub").mkdir()
    (repo / "flows" / "sub" / "etl.py").write_text(FLOW)
    before = files(repo)
    result = run("lock", "flows", "--approve", "--as", "bob")
    assert result.code == 2
    assert (
        "Two flows are known as 'nightly@etl.py:nightly': flows/etl.py:nightly, flows/sub/etl.py:nightly" in result.err
    )
    assert files(repo) == before, "nothing was written"


def test_a_literal_secret_is_in_no_diff_and_no_record(locked: Path, run: Run) -> None:
    """The plan must hold it, or its hash would be another; what people and programs are shown need not."""
    assert run("lock", "flows", "--approve", "--as", "bob").code == 0
    login = FLOW.replace("table: str)", 'table: str, password: str = "")').replace(
        "load(table)", 'load(table, password="gnomon-7f")'
    )
    (locked / "flows" / "etl.py").write_text(login)
    shown = ""
    for words in (["diff", "flows"], ["diff", "flows", "--format", "json"], ["diff", "flows", "--format", "md"]):
        shown += run(*words).out
    for form in ("text", "json", "md"):
        shown += run("check", "flows", "--format", form).out + run("plan", "flows", "--format", form).out
    shown += run("lock", "flows", "--approve", "--as", "carol").out + run("audit", "tail", "--format", "json").out
    assert "constants.password added: ***" in shown
    assert "GF304" in shown
    assert "gnomon-7f" not in shown


def test_a_pipe_named_like_a_flow_is_passed_over(repo: Path, run: Run) -> None:
    os.mkfifo(repo / "flows" / "pipe.py")
    assert run("plan", "flows").code == 0


def test_a_pipe_for_a_lock_file_is_refused(repo: Path, run: Run) -> None:
    os.mkfifo(repo / "govflow.lock")
    result = run("check", "flows")
    assert result.code == 2
    assert "not a regular file" in result.err


@pytest.mark.parametrize("words", [["--approve"], ["--as", "bob"], ["--approve", "--as", "a b"]])
def test_approving_needs_a_name_and_a_name_needs_approving(repo: Path, run: Run, words: list[str]) -> None:
    before = files(repo)
    assert run("lock", "flows", *words).code == 2
    assert files(repo) == before


# Bad input: a clear error that names the file, the field and the mend, exit 2, nothing written.

BAD_POLICIES = [
    ("version: [\n", "policy.yaml"),
    (POLICY.replace("step.tier: {gte: 2}", "step.tear: {gte: 2}"), "step.tear"),
    (POLICY.replace("{name: safe,", '{name: safe, actions: ["data:reed"],'), "data:reed"),
    (POLICY.replace("{required: 1,", "{required: 1, ttl_seconds: 0,"), "ttl_seconds"),
    (POLICY.replace("effect: allow", "effect: alow"), "effect"),
    (POLICY.replace("approval: owner", "approval: onwer"), "onwer"),
]


@pytest.mark.parametrize(("text", "field"), BAD_POLICIES)
@pytest.mark.parametrize("command", ["plan", "lock", "check"])
def test_a_malformed_policy_is_refused(repo: Path, run: Run, text: str, field: str, command: str) -> None:
    (repo / "policy.yaml").write_text(text)
    before = files(repo.parent)
    result = run(command, "flows")
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error[policy-file]: ")
    assert str(repo / "policy.yaml") in result.err
    assert field in result.err
    assert "mend: " in result.err
    assert files(repo.parent) == before


@pytest.mark.covers("S5-33", "S5-34")
@pytest.mark.parametrize(("old", "new"), [("data:delete", "data:delet"), ('"duckdb"', '"dukdb"')])
def test_an_unknown_action_or_provider_is_refused(repo: Path, run: Run, old: str, new: str) -> None:
    (repo / "flows" / "etl.py").write_text(FLOW.replace(old, new))
    before = files(repo.parent)
    for command in ("plan", "lock"):
        result = run(command, "flows")
        assert result.code == 2
        assert re.search(r"error\[vocabulary\]: flows/etl\.py:\d+: step nightly/", result.err)
        assert new.strip('"') in result.err
        assert "Did you mean" in result.err
    assert files(repo.parent) == before


LOCK_EDITS = [
    ('"version": 1\n}', '"version": 2\n}', "version"),
    ('"plan_hash": "sha256:', '"plan_hash": "sha256:0', "plan_hash"),
    ('"action": "data:delete"', '"action": "data:read"', "plan_hash"),
    ('"flows": {', '"flows": {"x": 1, ', 'flows["x"]'),
    ("{", "", "not a lock file"),
]


@pytest.mark.parametrize(("old", "new", "field"), LOCK_EDITS)
def test_an_edited_lock_is_refused(locked: Path, run: Run, old: str, new: str, field: str) -> None:
    path = locked / "govflow.lock"
    text = path.read_text()
    edited = text.replace(old, new, 1)
    if edited == text:
        edited = text.replace('"version": 1', '"version": 2')
    path.write_text(edited)
    before = files(locked.parent)
    for command in ("check", "diff", "lock"):
        result = run(command, "flows")
        assert result.code == 2
        assert result.err.startswith("error[lock-file]: ")
        assert "govflow.lock" in result.err
        assert field in result.err
        assert "mend: " in result.err
    assert files(locked.parent) == before


def test_a_lock_that_is_not_there_is_named(repo: Path, run: Run) -> None:
    result = run("diff", "flows")
    assert result.code == 2
    assert "there is no lock file" in result.err


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("flows/etl.py:nigthly", "found: nightly"),
        ("flows/elt.py", "Did you mean flows/etl.py?"),
        ("flows/elt.py:nightly", "Did you mean flows/etl.py?"),
        ("nowhere", "there is no such file or folder"),
    ],
)
def test_a_flow_that_cannot_be_found_says_what_was_found(run: Run, target: str, said: str) -> None:
    result = run("check", target)
    assert result.code == 2
    assert said in result.err


def test_a_folder_without_a_flow_is_an_error(repo: Path, run: Run) -> None:
    """A check that looked at nothing must not be green."""
    (repo / "empty").mkdir()
    result = run("check", "empty")
    assert result.code == 2
    assert "There is no flow in empty" in result.err


@pytest.mark.parametrize("name", ["syntax", "null", "encoding"])
def test_a_file_that_is_not_python_is_refused(repo: Path, run: Run, name: str) -> None:
    text = {"syntax": b"def (:\n", "null": b"x = '\0'\n", "encoding": b"\xff\xfeflow"}[name]
    (repo / "flows" / "bad.py").write_bytes(text)
    result = run("plan", "flows/bad.py")
    assert result.code == 2
    assert "bad.py" in result.err


@pytest.mark.parametrize("variable", ["GOVFLOW_APPROVAL_TTL_SECONDS"])
@pytest.mark.parametrize("value", ["0", "-5"])
def test_a_time_to_live_that_is_not_positive_is_refused(
    repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    result = run("check", "flows")
    assert result.code == 2
    assert variable in result.err


def test_a_database_that_cannot_be_opened_writes_no_lock(repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "notadb").write_text("this is text, not a database, and long enough to be looked at as one " * 20)
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{repo}/notadb")
    before = files(repo).keys()
    result = run("lock", "flows", "--approve", "--as", "bob")
    assert result.code == 2
    assert result.err.startswith("error[store]: ")
    assert "notadb" in result.err
    assert "govflow.lock" not in files(repo)
    assert {name for name in files(repo) if not name.startswith("notadb")} <= before


def test_a_lock_that_cannot_be_written_leaves_the_old_one(
    locked: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVFLOW_LOCK", "nowhere/govflow.lock")
    result = run("lock", "flows")
    assert result.code == 2
    assert "nowhere/govflow.lock: cannot be written" in result.err


def test_the_source_is_read_and_never_run(repo: Path, run: Run) -> None:
    """A booby-trapped repository: importing or running any of it would leave a mark."""
    trap = "import pathlib\npathlib.Path('sprung').write_text('x')\n"
    (repo / "flows" / "trap.py").write_text(trap + FLOW)
    for name in ("prefect.py", "conftest.py", "__init__.py", "sitecustomize.py"):
        (repo / "flows" / name).write_text(trap)
    assert "flows/trap.py:nightly" in run("plan", "flows").out
    assert run("check", "flows").code == 1
    assert not list(repo.parent.rglob("sprung"))
