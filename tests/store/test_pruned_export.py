"""Exports of a log whose oldest records were pruned: they begin where it begins, and verify from there on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from govflow.audit.verify import Outcome
from govflow.errors import InputError
from govflow.services.export_audit import export_log
from govflow.services.prune_log import prune
from govflow.services.seal_log import held_checkpoint, seal, verifier_keys
from govflow.services.verify_export import verify_export
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings
from tests.store.things import NOW, a_draft

THEN = NOW - timedelta(days=100)


@pytest.fixture
def aged(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A sealed log of 600 old records and some young ones."""
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", url)
    monkeypatch.setenv("GOVFLOW_SIGNING_KEY", str(tmp_path / "key" / "signing.pem"))
    opened = open_workspace(load_settings())
    for number in range(600):
        opened.store.append(a_draft(tenant="default", at=THEN, payload={"n": number}), durable=False)
    opened.store.append(a_draft(tenant="default"), durable=True)
    seal(opened, NOW)
    yield opened
    opened.close()


def pruned(workspace: Workspace) -> None:
    assert prune(workspace, "olga", "old", NOW, 90).until == 512
    seal(workspace, NOW)


@pytest.mark.parametrize("daily", [False, True])
def test_they_begin_where_the_log_begins(aged: Workspace, tmp_path: Path, daily: bool) -> None:
    early = seal(aged, NOW)
    assert early is not None
    pruned(aged)
    out = tmp_path / "export"
    if daily:
        out.mkdir()
    done = export_log(aged, out, NOW)
    size = aged.store.seals.last("default")[0].size
    assert (done.before, done.records) == (0, size - 512)
    keys = verifier_keys(aged)
    found = verify_export(list(done.files), keys).verdict
    assert (found.outcome, found.records) == (Outcome.VERIFIED, size - 512), found
    assert "the 512 records are not in these files" in found.words
    assert verify_export(list(done.files), keys, held_checkpoint(early.note, keys)).verdict.outcome is Outcome.VERIFIED


def test_a_folder_that_has_them_goes_on(aged: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "days"
    out.mkdir()
    first = export_log(aged, out, NOW)
    pruned(aged)
    second = export_log(aged, out, NOW)
    assert second.before == first.records
    for _ in range(767 - second.before - second.records):
        aged.store.append(a_draft(tenant="default"), durable=False)
    seal(aged, NOW)
    exact = export_log(aged, out, NOW)
    assert exact.before + exact.records == 768
    for _ in range(20):
        aged.store.append(a_draft(tenant="default"), durable=False)
    seal(aged, NOW)
    assert prune(aged, "olga", "old", NOW + timedelta(days=200), 90).until == 768, "all that the folder has"
    seal(aged, NOW)
    second = export_log(aged, out, NOW)
    assert second.before == 768
    found = verify_export(sorted(out.iterdir()), verifier_keys(aged)).verdict
    assert (found.outcome, found.records) == (Outcome.VERIFIED, second.before + second.records), found


def test_a_folder_that_lacks_some_of_them_is_left_alone(aged: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "days"
    out.mkdir()
    export_log(aged, out, NOW)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    for _ in range(400):
        aged.store.append(a_draft(tenant="default"), durable=False)
    seal(aged, NOW)
    assert prune(aged, "olga", "old", NOW + timedelta(days=200), 90).until == 768
    seal(aged, NOW)
    with pytest.raises(InputError, match=r"to 767 of 'default' were pruned before they were exported"):
        export_log(aged, out, NOW)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
