"""People at the terminal: added, invited, given keys, and sent away."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govflow.services.sign_in import bearer_principal, session_principal, use_link
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run
from tests.cli.test_approvals import ask, events

LINK = re.compile(r"http://127\.0\.0\.1:4300/sign-in/link/(gfl_[\w-]{43})\n")


def test_a_person_is_added_changed_and_shown(run: Run) -> None:
    added = run("people", "add", "bob", "--role", "dev", "--group", "data", "--group", "ops", "--email", "b@acme.io")
    assert (added.code, added.err) == (0, "")
    assert "govflow people invite bob" in added.out
    changed = run("people", "change", "bob", "--role", "auditor", "--drop-group", "ops", "--format", "json").json
    assert (changed["roles"], changed["groups"]) == (["dev", "auditor"], ["data"])
    shown = run("people", "show", "bob", "--format", "json").json
    assert shown["selectors"] == ["group:data", "role:auditor", "role:dev", "role:owner", "user:bob"], "policy file too"
    assert "roles: owner, dev, auditor" in run("people", "show", "bob").out
    assert [one["name"] for one in run("people", "list", "--format", "json").json["people"]] == ["bob"]
    assert ("principal.created", "alice") in events(run) and ("principal.changed", "alice") in events(run)


def test_an_invitation_is_a_link_that_works_once(run: Run) -> None:
    run("people", "add", "bob")
    found = LINK.search(run("people", "invite", "bob").out)
    assert found is not None
    workspace = open_workspace(load_settings())
    try:
        now = datetime.now(UTC)
        who, secret = use_link(workspace, found[1], now, b"x" * 32)
        assert who.principal.name == "bob"
        listed = run("people", "sessions", "--format", "json").json["sessions"]
        assert [(one["principal"], one["method"]) for one in listed] == [("bob", "link")]
        assert run("people", "sessions", "bob", "--end").code == 0
        assert session_principal(workspace, secret, now) is None
    finally:
        workspace.close()
    assert run("people", "sessions").out == "nobody is signed in\n"


@pytest.mark.covers("S3-01", "S3-03", "S3-04")
def test_a_key_speaks_until_it_is_revoked(run: Run) -> None:
    run("people", "add", "ci", "--machine", "--role", "ci")
    made = run("people", "key", "ci", "--name", "nightly", "--days", "3", "--format", "json").json
    workspace = open_workspace(load_settings())
    try:
        now = datetime.now(UTC)
        shown = run("people", "show", "ci").out
        assert "nightly" in shown and shown.rstrip().endswith("never")
        assert bearer_principal(workspace, f"Bearer {made['key']}", now) is not None
        document = run("people", "show", "ci", "--format", "json")
        (key,) = document.json["keys"]
        assert key["key_id"] == made["key_id"] and key["created_at"] and key["used_at"]
        assert made["key"] not in document.out, "it is shown once"
        assert run("people", "revoke-key", made["key_id"]).out == f"key {made['key_id']} is revoked\n"
        assert bearer_principal(workspace, f"Bearer {made['key']}", now) is None
    finally:
        workspace.close()
    assert "revoked" in run("people", "show", "ci").out
    assert run("people", "revoke-key", "nope").err.startswith("error[principal]: There is no API key")


def test_who_was_deactivated_is_refused_at_the_terminal_too(run: Run) -> None:
    ask()
    run("people", "add", "bob")
    assert run("people", "deactivate", "bob").code == 0
    for name in ("bob", "BOB", "Bob"):
        refused = run("approvals", "approve", "req-1", "--as", name)
        assert (refused.code, refused.out) == (1, "")
        assert refused.err.startswith("error[principal-inactive]: bob was deactivated.")
    assert run("people", "list").out.startswith("nobody yet")
    assert "deactivated" in run("people", "list", "--all").out
    assert run("people", "change", "bob", "--activate").code == 0
    assert run("approvals", "approve", "req-1", "--as", "bob").code == 0


def test_roles_of_the_store_count_for_a_vote(run: Run) -> None:
    ask()
    assert run("approvals", "approve", "req-1", "--as", "carol").err.startswith("error[not-eligible]")
    run("people", "add", "carol", "--role", "owner")
    assert run("approvals", "approve", "req-1", "--as", "carol").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("show", "nobody"),
        ("invite", "nobody"),
        ("key", "nobody", "--name", "x"),
        ("deactivate", "nobody"),
        ("add", "a b"),
        ("add", "bob", "--role", "a b"),
        ("add", "bob", "--email", "nowhere"),
        ("add", "bob", "--issuer", "https://idp"),
        ("add", "BOB"),
        ("sessions", "--end"),
        ("change", "nobody", "--role", "x"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(run: Run, words: tuple[str, ...]) -> None:
    run("people", "add", "zoe")
    before = len(events(run))
    refused = run("people", *words)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(("error[principal]", "error[request]"))
    assert len(events(run)) == before


def test_a_secret_is_on_stdout_once_and_nowhere_else(run: Run, repo: Path) -> None:
    run("people", "add", "bob")
    run("people", "add", "ci", "--machine")
    invited = run("people", "invite", "bob")
    found = LINK.search(invited.out)
    key = run("people", "key", "ci", "--name", "nightly")
    assert found is not None
    secrets = (found[1], key.out.split()[0])
    assert secrets[1].startswith("gfk_")
    assert not any(secret in invited.err + key.err for secret in secrets)
    later = run("people", "show", "bob").out + run("people", "show", "ci", "--format", "json").out
    later += run("audit", "tail", "--format", "json").out
    for secret in secrets:
        assert secret not in later
        for path in repo.parent.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_the_plan_of_a_flow_is_read_without_a_database(run: Run, repo: Path) -> None:
    for words in (("scan", "flows"), ("plan", "flows"), ("lock", "flows"), ("check", "flows")):
        run(*words)
    assert not (repo.parent / "gov").exists()
