"""What a check reports as new, what it leaves out, and with which code it ends."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import govflow
from govflow.services import check_plans
from tests.cli.conftest import FLOW, POLICY, Run, drain, files, spawn
from tests.cli.test_plans import EDITED, git

SECRET = FLOW.replace("table: str)", 'table: str, password: str = "")').replace(
    "load(table)", 'load(table, password="gnomon-7f")'
)


@pytest.fixture
def history(repo: Path, run: Run) -> Path:
    """One commit with a locked flow that has an old warning, a literal secret."""
    (repo / "flows" / "etl.py").write_text(SECRET)
    assert run("lock", "flows").code == 0
    git(repo, "init", "-q", "-b", "main")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "one")
    git(repo, "checkout", "-qb", "change")
    return repo


def codes(run: Run, *words: str) -> list[str]:
    result = run("check", "flows", *words, "--format", "json")
    assert result.code in (0, 1, 3), result.err
    return sorted(finding["code"] for finding in result.json["findings"])


def test_what_was_there_before_is_not_reported(history: Path, run: Run) -> None:
    for base in ((), ("--base", "main")):
        result = run("check", "flows", *base)
        assert result.code == 0
        assert "GF304" not in result.out
        assert (
            f"left out: 1 warning that {base[1] if base else 'govflow.lock'} has too (--all shows them)" in result.out
        )
        assert codes(run, *base, "--all") == ["GF203", "GF304"]


def test_a_moved_line_makes_nothing_new(history: Path, run: Run) -> None:
    (history / "flows" / "etl.py").write_text("# a comment\n\n\n" + SECRET)
    assert codes(run) == codes(run, "--base", "main") == []


def test_a_second_one_like_an_old_one_is_new(history: Path, run: Run) -> None:
    more = SECRET.replace("\n\n\nif __name__", '\n    load(table, password="gnomon-8g")\n\n\nif __name__')
    (history / "flows" / "etl.py").write_text(more)
    result = run("check", "flows", "--base", "main", "--format", "json")
    assert [one["step_id"] for one in result.json["findings"] if one["code"] == "GF304"] == ["nightly/load#2"]


def test_a_moved_file_and_a_renamed_function_make_nothing_new(history: Path, run: Run) -> None:
    (history / "flows" / "etl.py").unlink()
    (history / "flows" / "daily.py").write_text(SECRET.replace("def load", "def fetch").replace("load(", "fetch("))
    assert "GF304" not in codes(run)
    assert "GF304" not in codes(run, "--base", "main")
    assert "flow is not in the lock file under this name; there it is flows/etl.py:nightly" in run("check", "flows").out


def test_a_change_that_was_locked_is_still_seen_against_a_revision(history: Path, run: Run) -> None:
    """Whoever changes a flow and its lock together shows nothing to a check against the lock."""
    (history / "flows" / "etl.py").write_text(EDITED)
    assert run("lock", "flows").code == 0
    assert codes(run) == []
    result = run("check", "flows", "--base", "main", "--detailed-exit-code")
    assert result.code == 3, "somebody has to approve, and nothing is wrong"
    assert "nightly/purge#2: note[GF203 approval-needed]" in result.out
    assert "+ nightly/purge#2" in result.out


def test_drift_that_the_base_has_too_is_old(history: Path, run: Run) -> None:
    (history / "flows" / "etl.py").write_text(EDITED)
    git(history, "commit", "-qam", "not locked")
    git(history, "branch", "-f", "main")
    assert codes(run, "--base", "main") == []
    assert "GF102" in codes(run)


def test_the_base_is_where_the_branch_began(history: Path, run: Run) -> None:
    (history / "flows" / "other.py").write_text(FLOW.replace("nightly", "weekly"))
    git(history, "checkout", "-q", "main")
    (history / "flows" / "etl.py").write_text(EDITED)
    git(history, "commit", "-qam", "main went on")
    git(history, "checkout", "-q", "change")
    out = run("check", "flows", "--base", "main").out
    assert "flows/other.py:weekly: error[GF101" in out
    assert "flows/etl.py:nightly" not in out, "what happened on main is not this branch's"


def test_a_changed_policy_is_a_change(history: Path, run: Run) -> None:
    denying = POLICY.replace("effect: require_approval", "effect: deny").replace(", approval: owner", "")
    (history / "policy.yaml").write_text(denying)
    assert codes(run, "--base", "main") == ["GF201"], "each side is judged by its own policy"
    git(history, "commit", "-qam", "denied")
    git(history, "branch", "-f", "main")
    assert codes(run, "--base", "main") == []
    assert codes(run) == ["GF201"], "the lock does not know what the policy was"


@pytest.mark.parametrize("where", ["base", "head", "both"])
def test_a_file_that_cannot_be_read_on_one_side_is_a_finding(history: Path, run: Run, where: str) -> None:
    bad = history / "flows" / "bad.py"
    if where in ("base", "both"):
        bad.write_text("from prefect import flow\ndef (:\n")
        git(history, "add", "-A")
        git(history, "commit", "-qm", "bad")
        git(history, "branch", "-f", "main")
    bad.write_text("from prefect import flow\n@flow\ndef f(): ...\n" if where == "base" else "# flow\ndef (:\n")
    found = codes(run, "--base", "main")
    assert ("GF303" in found) is (where == "head")
    result = run("diff", "main..", "flows")
    assert result.code == 1
    assert "flows/bad.py: not compared" in result.out
    assert "Traceback" not in result.out + result.err


def test_a_file_that_was_named_and_cannot_be_read_is_a_finding(repo: Path, run: Run) -> None:
    (repo / "flows" / "bad.py").write_text("# flow\ndef (:\n")
    result = run("check", "flows/bad.py", "flows/etl.py")
    assert result.code == 1
    assert "flows/bad.py:2: error[GF303 unreadable]" in result.out
    assert "GF101" in result.out, "the other one is still checked"


def test_odd_names_of_files_are_findings_or_flows(history: Path, run: Run) -> None:
    source = FLOW.replace("nightly", "weekly").encode()
    for name in (b"new\nline.py", b"caf\xe9.py", "\u00fc ::x.py".encode()):
        Path(os.fsdecode(bytes(history / "flows") + b"/" + name)).write_bytes(source)
    for base in ((), ("--base", "main")):
        for form in ("text", "json", "md", "github", "gitlab", "junit", "sarif"):
            result = run("check", "flows", "--format", form, *base)
            assert (result.code, result.err) == (1, ""), form
        assert codes(run, *base).count("GF101") == 2
        assert codes(run, *base).count("GF303") == 1
    (history / "flows" / "new\nline.py").unlink()  # git cannot be asked for such a name line by line
    git(history, "add", "-A")
    git(history, "commit", "-qm", "odd")
    assert run("diff", "main..HEAD", "flows").code == 1
    git(history, "branch", "-f", "main")
    assert codes(run, "--base", "main") == []


def test_the_last_flow_that_is_gone_is_found(history: Path, run: Run) -> None:
    (history / "flows" / "etl.py").unlink()
    assert codes(run) == ["GF103"]


# Exit codes. An error before an approval before nothing; trouble before everything.


def test_an_error_weighs_more_than_an_approval(history: Path, run: Run) -> None:
    (history / "flows" / "etl.py").write_text(EDITED)
    result = run("check", "flows", "--detailed-exit-code")
    assert "GF102" in result.out and "GF203" in result.out
    assert result.code == 1


def test_an_approval_without_the_option_is_no_failure(history: Path, run: Run) -> None:
    assert run("check", "flows", "--all").code == 0
    assert run("check", "flows", "--all", "--detailed-exit-code").code == 3
    assert run("check", "flows", "--detailed-exit-code").code == 0, "nothing new waits for anybody"


def test_the_exit_codes_of_a_diff(history: Path, run: Run) -> None:
    assert run("diff", "flows", "--detailed-exit-code").code == 0
    (history / "flows" / "etl.py").write_text(EDITED)
    assert run("diff", "flows").code == 1
    assert run("diff", "flows", "--detailed-exit-code").code == 3
    denying = POLICY.replace("effect: require_approval", "effect: deny").replace(", approval: owner", "")
    (history / "policy.yaml").write_text(denying)
    assert run("diff", "flows", "--detailed-exit-code").code == 1, "no approval makes that right"


@pytest.mark.parametrize(
    "words", [["--base", "nowhere"], ["--base", ""], ["--baseline", "nowhere.json"], ["--write-baseline"], ["--forma"]]
)
def test_trouble_is_neither_clean_nor_a_finding(history: Path, run: Run, words: list[str]) -> None:
    (history / "flows" / "etl.py").write_text(EDITED)
    result = run("check", "flows", *words, "--detailed-exit-code")
    assert (result.code, result.out) == (2, "")


def test_an_internal_error_never_exits_0_or_1_or_3(history: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise AssertionError("a fault of our own")

    monkeypatch.setattr(check_plans, "find_in_flow", broken)
    result = run("check", "flows", "--detailed-exit-code")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error[internal]: AssertionError: a fault of our own\n")
    assert "File" not in result.err, "no frame of ours"
    monkeypatch.setenv("GOVFLOW_DEBUG", "1")
    assert "find_in_flow" in run("check", "flows").err


def test_a_base_outside_a_repository_says_so(repo: Path, run: Run) -> None:
    result = run("check", "flows", "--base", "main")
    assert result.code == 2
    assert "mend: Run this inside a git repository." in result.err


# The baseline file.


def test_a_baseline_accepts_what_is_there(repo: Path, run: Run) -> None:
    (repo / "flows" / "etl.py").write_text(SECRET)
    assert codes(run) == ["GF101", "GF203", "GF304"]
    written = run("check", "flows", "--baseline", "old.json", "--write-baseline")
    assert (written.code, written.out) == (0, "old.json: 2 finding(s) accepted\n")
    text = (repo / "old.json").read_text()
    assert run("check", "flows", "--baseline", "old.json", "--write-baseline").code == 0
    assert (repo / "old.json").read_text() == text
    result = run("check", "flows", "--baseline", "old.json")
    assert result.code == 0
    assert "left out: 1 error, 1 warning in the baseline" in result.out
    assert "GF203" in result.out, "a note is in no baseline"


def test_a_baseline_is_one_line_a_finding_and_without_line_numbers(repo: Path, run: Run) -> None:
    (repo / "flows" / "etl.py").write_text(SECRET)
    run("check", "flows", "--baseline", "old.json", "--write-baseline")
    before = (repo / "old.json").read_text()
    entries = [line for line in before.splitlines() if "fingerprint" in line]
    assert len(entries) == len(json.loads(before)["findings"]) == 2
    assert entries == sorted(entries)
    (repo / "flows" / "etl.py").write_text("# moved\n\n" + SECRET)
    run("check", "flows", "--baseline", "old.json", "--write-baseline")
    assert (repo / "old.json").read_text() == before
    assert "gnomon" not in before


def test_a_baseline_is_never_written_over_another_file(history: Path, run: Run) -> None:
    """One wrong word on the command line must not cost the lock file."""
    for name in ("govflow.lock", "flows/etl.py"):
        before = (history / name).read_text()
        result = run("check", "flows", "--baseline", name, "--write-baseline")
        assert (result.code, result.out) == (2, "")
        assert f"{name}: there is a file that is no baseline" in result.err
        assert (history / name).read_text() == before
    (history / "old.json").write_text("")
    assert run("check", "flows", "--baseline", "old.json", "--write-baseline").code == 0


def test_a_baseline_accepts_no_later_drift(history: Path, run: Run) -> None:
    (history / "flows" / "etl.py").write_text(SECRET.replace("return 1", "return 2"))
    run("check", "flows", "--baseline", "old.json", "--write-baseline")
    assert codes(run, "--baseline", "old.json") == []
    (history / "flows" / "etl.py").write_text(SECRET.replace("return 1", "return 3"))
    assert "GF102" in codes(run, "--baseline", "old.json")


def test_entries_that_nobody_needs_are_reported_and_only_where_one_looked(repo: Path, run: Run) -> None:
    (repo / "other").mkdir()
    (repo / "other" / "b.py").write_text(SECRET)
    (repo / "flows" / "etl.py").write_text(SECRET)
    assert run("lock", ".").code == 0
    run("check", ".", "--baseline", "old.json", "--write-baseline")
    (repo / "flows" / "etl.py").write_text(FLOW)
    (repo / "other" / "b.py").write_text(FLOW)
    assert run("lock", ".").code == 0
    result = run("check", "flows", "--baseline", "old.json", "--format", "json")
    assert result.code == 0
    assert [(one["code"], one["flow"]) for one in result.json["findings"]] == [("GF401", "flows/etl.py:nightly")]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 2, "findings": []}', '{"version": 1, "findings": [{"code": "GF101"}]}']
)
def test_a_bad_baseline_is_refused(repo: Path, run: Run, text: str) -> None:
    (repo / "old.json").write_text(text)
    before = files(repo)
    result = run("check", "flows", "--baseline", "old.json")
    assert result.code == 2
    assert "old.json" in result.err and "mend: " in result.err
    assert files(repo) == before


# What a check costs, and what it touches.


def test_a_check_of_what_did_not_change_needs_no_graph_and_no_database(history: Path) -> None:
    code = (
        "import sys, time\n"
        "from govflow.cli.app import main\n"
        "def spent():\n"
        "    start = time.process_time()\n"
        "    assert main(['check', 'flows']) == 0\n"
        "    return time.process_time() - start\n"
        "spent()\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'networkx', 'sqlmodel', 'sqlalchemy', 'sqlite3', 'alembic', 'prefect'}))\n"
        "print(min(spent() for _ in range(5)))\n"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(govflow.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env, cwd=history
    )
    lines = done.stdout.splitlines()
    assert "[]" in lines
    assert float(lines[-1]) < 0.3


def test_a_check_writes_nothing(history: Path, run: Run) -> None:
    before = files(history.parent)
    for form in ("text", "json", "md", "github", "gitlab", "junit", "sarif"):
        run("check", "flows", "--all", "--base", "main", "--format", form)
    assert files(history.parent) == before


def test_rules_are_links_on_a_terminal_alone(history: Path) -> None:
    assert "\x1b" not in spawn("check", "flows", "--all", cwd=history).out
    main, other = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(Path(govflow.__file__).parents[1]), "TERM": "xterm-256color", "NO_COLOR": ""}
    subprocess.run(
        [sys.executable, "-m", "govflow.cli", "check", "flows", "--all"],
        stdout=other,
        stderr=other,
        stdin=subprocess.DEVNULL,
        check=False,
        cwd=history,
        env=env,
        timeout=240,
    )
    os.close(other)
    shown = drain(main).decode()
    assert re.search(r"\x1b\]8;[^;]*;file://\S*/rules/GF304\.md", shown)


# explain


def test_a_rule_is_explained_by_id_and_by_name(run: Run) -> None:
    shown = run("explain", "GF102")
    assert shown.code == 0
    assert shown.out.startswith("GF102 plan-drift\n")
    assert "Why:\n" in shown.out and "```" not in shown.out
    assert run("explain", "gf102").out == run("explain", "plan-drift").out == shown.out
    assert run("explain", "GF102", "--format", "md").out.startswith("# GF102 plan-drift\n")
    assert run("explain", "GF102", "--format", "json").json["name"] == "plan-drift"


def test_without_a_rule_all_are_listed(run: Run) -> None:
    shown = run("explain")
    assert len(re.findall(r"(?m)^GF\d{3}  (error|warning|note) ", shown.out)) == len(
        run("explain", "--format", "json").json["rules"]
    )


@pytest.mark.parametrize(("word", "near"), [("GF120", "GF102"), ("plan-drfit", "GF102"), ("102", "GF102")])
def test_a_rule_that_is_not_there_names_what_is_near(run: Run, word: str, near: str) -> None:
    result = run("explain", word)
    assert result.code == 2
    assert "Did you mean" in result.err and near in result.err


OTHER = "from govflow.prefect import flow, task\n\n\n@task\ndef ok(): ...\n\n\n@flow\ndef other() -> None:\n    ok()\n"


@pytest.mark.parametrize(("old", "new"), [("data:delete", "data:delet"), ('"duckdb"', '"dukdb"')])
def test_an_unknown_word_is_a_finding_of_its_flow_and_hides_no_other(
    history: Path, run: Run, old: str, new: str
) -> None:
    (history / "flows" / "etl.py").write_text(FLOW.replace(old, new))
    (history / "flows" / "other.py").write_text(OTHER)
    for base in ((), ("--base", "main")):
        result = run("check", "flows", *base, "--format", "json")
        assert result.code == 1
        (found,) = [one for one in result.json["findings"] if one["code"] == "GF303"]
        assert (found["flow"], found["file"], found["level"]) == ("flows/etl.py:nightly", "flows/etl.py", "error")
        assert isinstance(found["line"], int)
        assert new.strip('"') in found["message"]
        assert "Did you mean" in found["mend"]
        assert [one["name"] for one in result.json["flows"]] == ["flows/other.py:other"]
        assert "GF103" not in {one["code"] for one in result.json["findings"]}, "it is not gone"


def test_an_unknown_word_leaves_the_other_flows_of_the_file(history: Path, run: Run) -> None:
    more = "\n\n@flow\ndef other() -> None:\n    ...\n"
    (history / "flows" / "etl.py").write_text(FLOW.replace("data:delete", "data:delet") + more)
    result = run("check", "flows", "--format", "json")
    assert [one["name"] for one in result.json["flows"]] == ["flows/etl.py:other"]
    assert {one["code"] for one in result.json["findings"]} >= {"GF101", "GF303"}


def test_a_pipe_among_the_files_is_not_clean(history: Path, run: Run) -> None:
    os.mkfifo(history / "flows" / "pipe.py")
    assert codes(run).count("GF303") == 1
    for words in (["flows"], ["main..", "flows"]):
        result = run("diff", *words)
        assert result.code == 1
        assert "flows/pipe.py: not compared" in result.out


def test_a_closed_folder_is_not_clean_and_its_flows_are_not_gone(
    history: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, scandir = history / "flows", os.scandir

    def refusing(path: Any = ".") -> Any:
        if Path(path).resolve() == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    if os.geteuid() == 0:  # nothing is closed to this user, so the system's answer is played
        monkeypatch.setattr(os, "scandir", refusing)
    else:
        closed.chmod(0)
    try:
        assert codes(run) == codes(run, "--base", "main") == ["GF303"]
    finally:
        closed.chmod(0o755)


def test_drift_that_is_the_change_is_told_once(history: Path, run: Run) -> None:
    (history / "flows" / "etl.py").write_text(SECRET.replace("data:delete", "data:write"))
    text = run("check", "flows", "--base", "main").out
    assert "GF102" in text
    assert text.count("~ nightly/purge#1") == 1
    assert "flows/etl.py:nightly: changed" not in text
    assert run("lock", "flows").code == 0
    assert "flows/etl.py:nightly: changed" in run("check", "flows", "--base", "main").out, "no drift tells it now"


def test_flows_of_a_submodule_are_not_new_for_ever(history: Path, run: Run) -> None:
    sub = history / "flows" / "sub"
    sub.mkdir()
    (sub / ".git").write_text("gitdir: ../../.git/modules/sub\n")
    (sub / "other.py").write_text(OTHER)
    assert codes(run, "--base", "main") == []
    assert run("diff", "main..", "flows").code == 0
    assert "submodule flows/sub" in run("scan", ".").out


@pytest.mark.parametrize("span", ["main..HEAD", "main...HEAD", "main.."])
def test_a_base_is_one_revision(history: Path, run: Run, span: str) -> None:
    result = run("check", "flows", "--base", span)
    assert result.code == 2
    assert "--base takes one revision" in result.err
    assert "--base main" in result.err


def test_a_diff_says_how_a_revision_is_written(history: Path, run: Run) -> None:
    result = run("diff", "main", "flows")
    assert result.code == 2
    assert "govflow diff main.. flows" in result.err
    assert "no such file or folder" in run("diff", "nowhere", "flows").err


def test_a_lock_file_with_a_byte_order_mark_is_read(history: Path, run: Run) -> None:
    lock = history / "govflow.lock"
    lock.write_bytes(b"\xef\xbb\xbf" + lock.read_bytes())
    assert codes(run) == codes(run, "--base", "main") == []
