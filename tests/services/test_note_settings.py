"""Settings that govern runs are on record: with the first policy, and at each change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from govflow.audit.body import parse_body
from govflow.services.note_policy import note_policy
from govflow.services.note_settings import governing, note_settings
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import Settings
from govflow.store import Store
from tests.store.things import a_draft

CANARY = "s3cr3t-canary"


def opened(tmp_path: Path, **settings: Any) -> Workspace:
    given = {"database_url": f"sqlite:///{tmp_path / 'govflow.db'}", "tenant": "acme", "environment": "staging"}
    return open_workspace(Settings(**(given | settings)))


def said(store: Store, event: str) -> list[dict[str, Any]]:
    return [parse_body(entry.body)["payload"] for entry in store.entries_of("acme", (event,))]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Open a run under some settings; whether they were put on record as a change."""

    def _run(**settings: Any) -> bool:
        workspace = opened(tmp_path, **settings)
        try:
            note_policy(workspace, workspace.store, a_draft("policy.loaded"))
            return note_settings(workspace, workspace.store, a_draft("policy.loaded", run_id="r-1"))
        finally:
            workspace.close()

    return _run


def test_the_first_policy_says_them_and_each_change_is_a_record(tmp_path: Path, run: Any) -> None:
    assert not run(), "the record of the policy says them"
    assert not run()
    assert run(retention_days=90, signer="process")
    assert not run(retention_days=90, signer="process")
    assert run()
    with Store.open(f"sqlite:///{tmp_path / 'govflow.db'}") as store:
        (first,) = said(store, "policy.loaded")
        assert (first["settings"]["environment"], first["settings"]["retention_days"]) == ("staging", None)
        there, back = said(store, "settings.changed")
        changed = {
            "retention_days": {"before": None, "after": 90},
            "signer": {"before": "embedded", "after": "process"},
        }
        assert there["changed"] == changed
        assert back["changed"]["retention_days"] == {"before": 90, "after": None}
        assert back["settings"] == first["settings"]
        severities = [parse_body(one.body)["severity"] for one in store.entries_of("acme", ("settings.changed",))]
        assert severities == ["warning", "warning"]


def test_no_secret_is_among_them(tmp_path: Path, run: Any) -> None:
    run()
    secret = tmp_path / "secret"
    secret.write_text(CANARY * 4)
    assert run(
        notify={"ops": f"json://user:{CANARY}@127.0.0.1:1/"},
        sinks={"hook": {"webhook": f"http://127.0.0.1:1/{CANARY}", "secret_file": str(secret)}},
        witnesses={f"http://127.0.0.1:1/{CANARY}": "w.example+c5d1fd6d+BDXp6f5Wm5pQnBVnGCl8SYM4Y6XLtUqfgQYWUtTuUk2a"},
    )
    with Store.open(f"sqlite:///{tmp_path / 'govflow.db'}") as store:
        (change,) = said(store, "settings.changed")
        assert {name: one["after"] for name, one in change["changed"].items()} == {
            "notify": ["ops"],
            "sinks": ["hook"],
            "witnesses": ["w.example+c5d1fd6d+BDXp6f5Wm5pQnBVnGCl8SYM4Y6XLtUqfgQYWUtTuUk2a"],
        }
        assert CANARY.encode() not in b"".join(entry.body for entry in store.entries("acme"))


def test_every_setting_that_governs_is_named(tmp_path: Path) -> None:
    """A new setting is either here or among those that govern nothing."""
    elsewhere = {
        *("policy", "policy_layers", "effects", "database_url", "tenant", "principal", "owners", "signing_key"),
        *("console_url", "message_days", "oidc", "oidc_client_secret", "lock", "log_format", "debug"),
    }
    workspace = opened(tmp_path)
    try:
        assert governing(workspace).keys() | elsewhere == set(Settings.model_fields)
        assert not governing(workspace).keys() & elsewhere
    finally:
        workspace.close()
