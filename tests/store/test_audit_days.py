"""Exports of one day each, out of both databases: judged together, and each by itself from its first record on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from govflow.audit.checkpoint import open_checkpoint
from govflow.audit.record import Draft
from govflow.audit.verifier_key import VerifierKey
from govflow.audit.verify import Held, How, Outcome, Verdict
from govflow.services.export_audit import export_log
from govflow.services.seal_log import seal, verifier_keys
from govflow.services.verify_export import verify_export
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings

BEGAN = datetime(2026, 3, 1, 9, tzinfo=UTC)
OF_A_DAY = 5
LATE = datetime(2026, 3, 9, tzinfo=UTC)
Lines = list[bytes]


@pytest.fixture
def workspace(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A log of three days, on a checkpoint after the first and one at its end."""
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", url)
    monkeypatch.setenv("GOVFLOW_SIGNING_KEY", str(tmp_path / "key" / "signing.pem"))
    monkeypatch.setenv("GOVFLOW_PRINCIPAL", "alice")
    opened = open_workspace(load_settings())
    write(opened, 0)
    yield opened
    opened.close()


def write(workspace: Workspace, first: int, count: int = 3 * OF_A_DAY) -> None:
    for number in range(first, first + count):
        at = BEGAN + timedelta(days=number // OF_A_DAY, minutes=number)
        workspace.store.append(Draft("run.opened", workspace.settings.tenant, at, run_id=f"r{number}"), durable=False)


def held(workspace: Workspace) -> Held:
    """A checkpoint of the log as it is, as somebody has kept it."""
    sealed, keys = seal(workspace, LATE), verifier_keys(workspace)
    assert sealed is not None
    found = open_checkpoint(sealed.note, origin=keys[0].name, keys=keys).checkpoint
    return Held(found.size, found.root)


def days(workspace: Workspace, folder: Path) -> tuple[list[Path], list[VerifierKey]]:
    folder.mkdir()
    seal(workspace, LATE)
    return list(export_log(workspace, folder, LATE).files), list(verifier_keys(workspace))


@pytest.mark.covers("S2-095")
def test_days_together_and_the_last_alone(workspace: Workspace, tmp_path: Path) -> None:
    early = held(workspace)
    files, keys = days(workspace, tmp_path / "days")
    first, second, third, *rest = files
    assert not rest or len(rest) == 1  # the record of the key is of today
    whole = verify_export(files, keys).verdict
    assert whole.outcome is Outcome.VERIFIED
    last = files[-1]
    alone = verify_export([last], keys).verdict
    assert (alone.outcome, alone.hash, alone.root) == (Outcome.VERIFIED, whole.hash, whole.root)
    begins = orjson.loads(last.read_bytes().splitlines()[0])["from"]["size"]
    assert alone.words.startswith(f"Records {begins} to {whole.records - 1} verified")
    assert "What came before cannot be judged" in alone.words
    assert alone.records == whole.records - begins
    assert verify_export(files[1:], keys).verdict.outcome is Outcome.VERIFIED
    assert verify_export([first, third], keys).verdict.how is How.MISSING
    unsealed = verify_export([second], keys).verdict
    assert (unsealed.outcome, "no checkpoint" in unsealed.words) == (Outcome.CANNOT_JUDGE, True)
    assert verify_export([last], keys, early).verdict.outcome is Outcome.VERIFIED


def test_a_day_is_held_to_a_checkpoint_that_was_kept(workspace: Workspace, tmp_path: Path) -> None:
    files, keys = days(workspace, tmp_path / "days")
    size = verify_export(files, keys).verdict.records
    write(workspace, 100)
    later = held(workspace)
    assert verify_export(files[-1:], keys, later).verdict.how is How.TRUNCATED
    assert verify_export(files[-1:], keys, Held(1, bytes(32))).verdict.outcome is Outcome.CANNOT_JUDGE
    begins = orjson.loads(files[-1].read_bytes().splitlines()[0])["from"]["size"]
    for kept in (begins, begins + 1, size):
        assert verify_export(files[-1:], keys, Held(kept, bytes(32))).verdict.how is How.REWRITTEN, kept


def _said(change: Callable[[dict[str, object]], object]) -> Callable[[Lines], Lines]:
    def changed(lines: Lines) -> Lines:
        header = orjson.loads(lines[0])
        change(header["from"])
        return [orjson.dumps(header) + b"\n", *lines[1:]]

    return changed


ATTACKS: dict[str, tuple[Callable[[Lines], Lines], Outcome]] = {
    "another hash before": (_said(lambda said: said.update(hash="sha256:" + "a" * 64)), Outcome.TAMPERED),
    "no hash before": (_said(lambda said: said.update(hash="sha256:" + "z" * 64)), Outcome.CANNOT_JUDGE),
    "another tree before": (
        _said(lambda said: said.update(tree=["b" * 64] * len(said["tree"]))),  # type: ignore[arg-type]  # a list there
        Outcome.TAMPERED,
    ),
    "half a tree before": (_said(lambda said: said.update(tree=["b" * 64] * 40)), Outcome.CANNOT_JUDGE),
    "a tree of no hashes": (_said(lambda said: said.update(tree=["z" * 64])), Outcome.CANNOT_JUDGE),
    "a tree of numbers": (_said(lambda said: said.update(tree=[1])), Outcome.CANNOT_JUDGE),
    "no tree before, as of an older version": (_said(lambda said: said.pop("tree")), Outcome.CANNOT_JUDGE),
    "fewer before": (_said(lambda said: (said.update(size=0), said.pop("tree"))), Outcome.TAMPERED),
    "an empty tree, which is not written": (_said(lambda said: said.update(size=0, tree=[])), Outcome.CANNOT_JUDGE),
    "the first record is gone": (lambda lines: [lines[0], *lines[2:]], Outcome.TAMPERED),
    "a record is gone": (lambda lines: [*lines[:2], *lines[3:]], Outcome.TAMPERED),
    "the last record is gone": (lambda lines: [*lines[:-2], lines[-1]], Outcome.TAMPERED),
    "the checkpoint is gone": (lambda lines: lines[:-1], Outcome.CANNOT_JUDGE),
    "a word is another": (
        lambda lines: [lines[0], lines[1].replace(b"run.opened", b"run.closed"), *lines[2:]],
        Outcome.TAMPERED,
    ),
    "only the checkpoint": (lambda lines: [lines[0], lines[-1]], Outcome.TAMPERED),
}  # fmt: skip


def test_what_was_done_to_a_day_is_seen_without_the_days_before(workspace: Workspace, tmp_path: Path) -> None:
    files, keys = days(workspace, tmp_path / "days")
    day = merged(files[1:])
    before = verify([*day], keys, tmp_path)
    assert before.outcome is Outcome.VERIFIED, before
    for name, (change, outcome) in ATTACKS.items():
        changed = change(list(day))
        assert changed != day, name
        found = verify(changed, keys, tmp_path)
        assert found.outcome is outcome, (name, found)
        assert (found.seq is not None) == (outcome is Outcome.TAMPERED), (name, found)


def test_every_flipped_byte_of_the_first_line_is_seen_or_says_the_same(workspace: Workspace, tmp_path: Path) -> None:
    files, keys = days(workspace, tmp_path / "days")
    day = merged(files[1:])
    said = orjson.loads(day[0])
    for place in range(len(day[0]) - 1):
        line = day[0][:place] + bytes([day[0][place] ^ 1]) + day[0][place + 1 :]
        found = verify([line, *day[1:]], keys, tmp_path)
        assert found.outcome is not Outcome.VERIFIED or orjson.loads(line) == said, (place, line)


def merged(files: list[Path]) -> Lines:
    """Days as one file that begins where the first of them does."""
    first, *rest = (file.read_bytes().splitlines(keepends=True) for file in files)
    return [*first, *(line for lines in rest for line in lines[1:])]


def verify(lines: Lines, keys: list[VerifierKey], folder: Path) -> Verdict:
    file = folder / "day.jsonl"
    file.write_bytes(b"".join(lines))
    return verify_export([file], keys).verdict
