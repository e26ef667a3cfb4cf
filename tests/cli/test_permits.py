"""`govflow permits` and `govflow keys`."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from govflow.permits.keys import from_set
from govflow.services.permits import issue_permit
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run, files
from tests.services.permit_runs import asked, opened


@pytest.fixture
def place(repo: Path) -> Iterator[Workspace]:
    (repo / "pyproject.toml").write_text('[tool.govflow]\nmode = "enforce"\n')
    found = open_workspace(load_settings())
    yield found
    found.close()


@pytest.fixture
def governed(place: Workspace) -> str:
    """The id of a run with a permit."""
    run = opened(place)
    issue_permit(place, asked(place, run))
    return run.facts.run_id


def test_permits_are_listed_and_shown(governed: str, run: Run) -> None:
    (listed,) = run("permits", "list", "--format", "json").json["permits"]
    assert (listed["run_id"], listed["revoked_by"], listed["mode"]) == (governed, None, "enforce")
    assert governed in run("permits", "list").out
    shown = run("permits", "show", governed)
    assert shown.code == 0
    for part in ("purge#1", "escalate", "load#1", "valid for"):
        assert part in shown.out
    document = run("permits", "show", governed, "--format", "json").json
    assert (document["valid"], document["problem"]) == (True, None)
    assert document["steps"]["purge#1"]["parents"] == ["load#1"]


def test_the_signed_text_is_shown_nowhere(governed: str, run: Run, place: Workspace) -> None:
    token = place.store.permits.token("default", governed)
    assert token is not None
    for words in (("list",), ("show", governed)):
        for form in ("text", "json"):
            assert token.split(".")[1][:40] not in run("permits", *words, "--format", form).out


def test_a_revoked_run_is_shown_as_such(governed: str, run: Run) -> None:
    first = run("permits", "revoke", governed, "--as", "bob", "--reason", "wrong table")
    assert (first.code, "are revoked" in first.out) == (0, True)
    again = run("permits", "revoke", governed, "--as", "eve", "--reason", "x", "--format", "json").json
    assert again == {"run_id": governed, "revoked": True, "by_this_command": False}
    shown = run("permits", "show", governed)
    assert shown.code == 1
    assert "revoked by bob (claimed" in shown.out
    assert "error[permit-revoked]" in shown.out
    (listed,) = run("permits", "list", "--format", "json").json["permits"]
    assert listed["revoked_by"] == "bob"
    assert "revoked" in run("permits", "list").out


@pytest.mark.parametrize("command", [("show",), ("revoke", "--as", "bob", "--reason", "x")])
def test_a_run_that_is_not_there_is_a_usage_error(place: Workspace, run: Run, command: tuple[str, ...]) -> None:
    result = run("permits", command[0], "no-such-run", *command[1:])
    assert result.code == 2
    assert "There is no governed run 'no-such-run'" in result.err


def test_a_reason_with_control_characters_is_shown_harmless(governed: str, run: Run) -> None:
    run("permits", "revoke", governed, "--as", "bob", "--reason", "a\x1b[2Jb\nc")
    assert "\x1b" not in run("permits", "show", governed).out


def test_keys_are_listed_exported_and_rotated(place: Workspace, run: Run, tmp_path: Path) -> None:
    assert "no key has signed" in run("keys", "list").out
    assert list((tmp_path / "home").rglob("*.pem")) == [], "listing makes none"
    first = from_set(run("keys", "export").out, "stdout")
    (signs,) = run("keys", "list", "--format", "json").json["keys"]
    assert (list(first), signs["state"], signs["trusted_until"]) == ([signs["kid"]], "signs", None)
    rotated = run("keys", "rotate", "--as", "bob", "--format", "json").json
    assert rotated["retired"] == signs["kid"]
    states = {key["kid"]: key["state"] for key in run("keys", "list", "--format", "json").json["keys"]}
    assert states == {rotated["retired"]: "over", rotated["signs"]: "signs"}
    target = tmp_path / "permit-keys.json"
    assert run("keys", "export", "--output", str(target)).code == 0
    assert list(from_set(target.read_text(), "file")) == [rotated["signs"]]
    assert "d" not in json.loads(target.read_text())["keys"][0]
    assert stat.S_IMODE(target.stat().st_mode) & 0o022 == 0


def test_looking_changes_nothing(governed: str, run: Run, place: Workspace, tmp_path: Path) -> None:
    place.store.flush()
    before = files(tmp_path / "home")
    for words in (
        ("keys", "list"),
        ("keys", "export"),
        ("permits", "list"),
        ("permits", "show", governed),
        ("doctor",),
    ):
        run(*words)
    assert files(tmp_path / "home") == before
