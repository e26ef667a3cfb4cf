"""A folder that is exported into each day: it goes on where it ends, is judged as one, and is mended after a kill."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from govflow.audit.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from govflow.audit.export import checkpoint_line
from govflow.audit.verify import Held, How, Outcome, Verdict
from govflow.errors import InputError, StoreError
from govflow.services.export_audit import Exported, export_log
from govflow.services.seal_log import seal, verifier_keys
from govflow.services.signing_keys import signing_key
from govflow.services.verify_export import verify_export
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings
from tests.store.seen_raw import Raw
from tests.store.test_audit_days import LATE, OF_A_DAY, held, write

Files = dict[str, bytes]


@pytest.fixture
def workspace(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", url)
    monkeypatch.setenv("GOVFLOW_SIGNING_KEY", str(tmp_path / "key" / "signing.pem"))
    monkeypatch.setenv("GOVFLOW_PRINCIPAL", "alice")
    opened = open_workspace(load_settings())
    yield opened
    opened.close()


def export(workspace: Workspace, folder: Path) -> Exported:
    folder.mkdir(exist_ok=True)
    seal(workspace, LATE)
    return export_log(workspace, folder, LATE)


def three_days(workspace: Workspace, folder: Path) -> list[Exported]:
    """Written and exported each day; on the third twice."""
    done = []
    for day in range(3):
        write(workspace, day * OF_A_DAY, OF_A_DAY)
        done.append(export(workspace, folder))
    write(workspace, 3 * OF_A_DAY - 1, 1)
    return [*done, export(workspace, folder)]


def contents(folder: Path) -> Files:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def verdict(workspace: Workspace, folder: Path, kept: Held | None = None) -> Verdict:
    return verify_export(sorted(folder.glob("*.jsonl")), verifier_keys(workspace), kept).verdict


def records(folder: Path) -> list[bytes]:
    lines = [line for file in folder.iterdir() for line in file.read_bytes().splitlines() if b'"leaf"' in line]
    return sorted(lines, key=lambda line: orjson.loads(line)["leaf"]["seq"])


def test_each_day_goes_on_where_the_folder_ends(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "days"
    seen: Files = {}
    size = 0
    for day in range(4):
        write(workspace, day * OF_A_DAY, OF_A_DAY)
        done = export(workspace, folder)
        now = contents(folder)
        assert seen.items() <= now.items(), "what was there is not touched"
        assert {file.name for file in done.files} == now.keys() - seen.keys()
        assert done.before == size
        size, seen = done.before + done.records, now
        found = verdict(workspace, folder)
        assert (found.outcome, found.records) == (Outcome.VERIFIED, size), found
    notes = [line for file in seen.values() for line in file.splitlines() if line.startswith(b'{"checkpoint"')]
    assert len(notes) == 4
    whole = tmp_path / "whole"
    export_log(workspace, tmp_path / "whole.jsonl", LATE)
    whole.mkdir()
    shutil.move(tmp_path / "whole.jsonl", whole)
    assert records(folder) == records(whole)
    alone = verify_export([done.files[-1]], verifier_keys(workspace)).verdict
    assert (alone.outcome, alone.root) == (Outcome.VERIFIED, found.root), "the last file leads to the same root"


def test_where_nothing_is_new_nothing_is_written(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "days"
    write(workspace, 0, 2)
    first = export(workspace, folder)
    before, size = contents(folder), workspace.store.head("default").size
    again = export_log(workspace, folder, LATE)
    assert (again.files, again.records, again.before) == ((), 0, first.records)
    assert contents(folder) == before
    assert workspace.store.head("default").size == size, "no copy was handed out"


def lines_of(files: Files, name: str) -> list[bytes]:
    return files[name].splitlines(keepends=True)


def altered(files: Files, name: str, change: Callable[[list[bytes]], list[bytes]]) -> Files:
    return {**files, name: b"".join(change(lines_of(files, name)))}


def exchanged(files: Files) -> Files:
    """Two days have each other's records, behind their own first lines."""
    one, two = (lines_of(files, name) for name in sorted(files)[:2])
    names = sorted(files)[:2]
    return {**files, names[0]: b"".join([one[0], *two[1:]]), names[1]: b"".join([two[0], *one[1:]])}


def begins(files: Files, name: str) -> int:
    size: int = orjson.loads(files[name].splitlines()[0])["from"]["size"]
    return size


def last(files: Files) -> str:
    return max(files, key=lambda name: begins(files, name))


def first_sealed(files: Files) -> str:
    """The file with the first checkpoint."""
    return min((name for name in files if b'{"checkpoint"' in files[name]), key=lambda name: begins(files, name))


ATTACKS: dict[str, tuple[Callable[[Files], Files], Outcome, How | None]] = {
    "a day removed": (
        lambda files: {name: text for name, text in files.items() if name != sorted(files)[1]},
        Outcome.TAMPERED,
        How.MISSING,
    ),
    "a day in the place of another": (
        lambda files: {**files, sorted(files)[0]: files[sorted(files)[1]]},
        Outcome.TAMPERED,
        None,
    ),
    "two days exchanged": (exchanged, Outcome.TAMPERED, None),
    "an earlier day altered": (
        lambda files: altered(
            files, min(files), lambda lines: [*lines[:2], lines[2].replace(b"run.opened", b"run.closed"), *lines[3:]]
        ),
        Outcome.TAMPERED,
        How.ALTERED,
    ),
    "the end cut in a line": (
        lambda files: {**files, last(files): files[last(files)][: -len(lines_of(files, last(files))[-1]) - 9]},
        Outcome.TAMPERED,
        How.ALTERED,
    ),
    "the last checkpoint cut off": (
        lambda files: altered(files, last(files), lambda lines: lines[:-1]),
        Outcome.CANNOT_JUDGE,
        None,
    ),
    "an earlier checkpoint altered": (
        lambda files: altered(
            files, first_sealed(files), lambda lines: [*lines[:-1], lines[-1].replace(b"\\n6\\n", b"\\n5\\n")]
        ),
        Outcome.CANNOT_JUDGE,
        None,
    ),
    "a day of another tenant": (
        lambda files: altered(
            files, sorted(files)[1], lambda lines: [lines[0].replace(b'"default"', b'"acme"'), *lines[1:]]
        ),
        Outcome.CANNOT_JUDGE,
        None,
    ),
}  # fmt: skip


def test_what_was_done_to_the_folder_is_said(workspace: Workspace, tmp_path: Path) -> None:
    three_days(workspace, tmp_path / "days")
    whole = contents(tmp_path / "days")
    for name, (change, outcome, how) in ATTACKS.items():
        changed = change(whole)
        assert changed != whole, name
        folder = tmp_path / name
        folder.mkdir()
        for file, text in changed.items():
            (folder / file).write_bytes(text)
        found = verdict(workspace, folder)
        assert found.outcome is outcome, (name, found)
        assert how is None or found.how is how, (name, found)
        if name == "an earlier day altered":
            assert found.seq == 1


def test_a_newest_day_that_is_gone_is_seen_by_a_kept_checkpoint_only(workspace: Workspace, tmp_path: Path) -> None:
    three_days(workspace, tmp_path / "days")
    kept = held(workspace)
    (tmp_path / "days" / last(contents(tmp_path / "days"))).unlink()
    assert verdict(workspace, tmp_path / "days").outcome is Outcome.VERIFIED
    assert verdict(workspace, tmp_path / "days", kept).how is How.TRUNCATED


def test_a_checkpoint_in_the_folder_that_other_records_lead_to_is_said(workspace: Workspace, tmp_path: Path) -> None:
    """Its owner signed it: then there were two logs."""
    folder = tmp_path / "days"
    three_days(workspace, folder)
    name = first_sealed(contents(folder))
    *lines, note = (folder / name).read_bytes().splitlines(keepends=True)
    keys = verifier_keys(workspace)
    told = open_checkpoint(orjson.loads(note)["checkpoint"], origin=keys[0].name, keys=keys).checkpoint
    private = signing_key(workspace, LATE).signer()
    lie = sign_checkpoint(Checkpoint(told.origin, told.size, bytes(32)), private)
    (folder / name).write_bytes(b"".join([*lines, checkpoint_line(str(lie))]))
    found = verdict(workspace, folder)
    assert (found.outcome, found.how, found.seq) == (Outcome.TAMPERED, How.REWRITTEN, told.size - 1)
    assert "checkpoint in the files" in found.words
    (folder / name).write_bytes(b"".join([*lines, note, checkpoint_line(str(lie))]))
    assert verdict(workspace, folder).how is How.REWRITTEN, "two that contradict each other"
    behind = [file for file in folder.iterdir() if begins(contents(folder), file.name) >= told.size]
    assert verify_export(behind, keys).verdict.outcome is Outcome.VERIFIED, "those behind it know nothing of that"


def refused(workspace: Workspace, folder: Path, words: str) -> None:
    before = contents(folder)
    with pytest.raises(InputError, match=words):
        export(workspace, folder)
    assert contents(folder) == before


def test_a_folder_that_does_not_end_well_is_not_gone_on_from(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "days"
    three_days(workspace, folder)
    write(workspace, 50, 2)
    file = folder / last(contents(folder))
    whole = file.read_bytes()
    for change, words in (
        (whole[:-300], "in the middle of a line"),
        (whole.replace(b"run.opened", b"run.closed"), "was altered"),
        (whole.replace(b'"default"', b'"acme"', 1), "of the log of 'acme', and this is the log of 'default'"),
        (b"{}\n", "no part of an export"),
        (b"", "no part of an export"),
        (whole.replace(b'{"checkpoint":"govflow/', b'{"checkpoint":"govflaw/'), "of the log 'govflaw/"),
    ):
        assert change != whole
        file.write_bytes(change)
        refused(workspace, folder, words)
    file.write_bytes(whole)
    assert export(workspace, folder).records
    assert verdict(workspace, folder).outcome is Outcome.VERIFIED


def test_a_folder_of_another_log_is_not_gone_on_from(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(workspace, 0, 9)
    export(workspace, tmp_path / "days")
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{tmp_path}/other.db")
    other = open_workspace(load_settings())
    write(other, 0, 3)
    seal(other, LATE)
    refused(other, tmp_path / "days", "and this one is")
    other.close()


def test_records_that_do_not_lead_to_the_checkpoint_are_not_put_behind_good_ones(
    workspace: Workspace, tmp_path: Path, raw: Raw
) -> None:
    folder = tmp_path / "days"
    write(workspace, 0, 3)
    export(workspace, folder)
    write(workspace, 3, 3)
    seal(workspace, LATE)
    zeros = "zeroblob(32)" if raw.is_sqlite else "decode(repeat('00', 32), 'hex')"
    raw.without_triggers("audit_record", f"UPDATE audit_record SET hash = {zeros} WHERE seq = 5")
    before = contents(folder)
    with pytest.raises(StoreError, match="do not lead to the checkpoint"):
        export_log(workspace, folder, LATE)
    assert contents(folder) == before


def test_a_second_export_at_the_same_time_waits_for_nobody(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "days"
    write(workspace, 0, 3)
    export(workspace, folder)
    opened = os.open(folder, os.O_RDONLY)
    fcntl.flock(opened, fcntl.LOCK_EX)
    refused(workspace, folder, "Another export is writing")
    os.close(opened)
    assert export(workspace, folder).records == 1


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
name, left, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
real = getattr(os, name)
def until(*given, **more):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return real(*given, **more)
from govflow.services.export_audit import export_log
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
workspace = open_workspace(load_settings())
setattr(os, name, until)
export_log(workspace, folder, datetime.now(UTC))
"""


@pytest.mark.covers("S4-29")
@pytest.mark.parametrize(("step", "left"), [("fsync", 0), ("fsync", 2), ("rename", 0), ("rename", 1), ("rename", 2)])
def test_a_kill_in_the_midst_leaves_a_folder_that_the_next_export_mends(
    workspace: Workspace, tmp_path: Path, step: str, left: int
) -> None:
    folder = tmp_path / "days"
    write(workspace, 0, OF_A_DAY)
    export(workspace, folder)
    before = contents(folder)
    write(workspace, OF_A_DAY + OF_A_DAY * 10, 3 * OF_A_DAY)  # some days that are behind that of the key
    seal(workspace, LATE)
    done = subprocess.run([sys.executable, "-c", KILLED, step, str(left), str(folder)], check=False, timeout=120)
    assert done.returncode == -9
    assert before.items() <= contents(folder).items()
    export(workspace, folder)
    found = verdict(workspace, folder)
    assert found.outcome is Outcome.VERIFIED, found
    assert found.records == workspace.store.head("default").size - 1, "all but the record of the export itself"
    assert not [file for file in folder.iterdir() if file.suffix != ".jsonl"]


def test_a_folder_whose_last_checkpoint_is_gone_gets_one(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "days"
    write(workspace, 0, 3)
    done = export(workspace, folder)
    file = done.files[-1]
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    assert verdict(workspace, folder).outcome is Outcome.CANNOT_JUDGE
    assert export_log(workspace, folder, LATE).records == 0
    assert verdict(workspace, folder).outcome is Outcome.VERIFIED
    write(workspace, 3, 3)
    export(workspace, folder)
    assert verdict(workspace, folder).outcome is Outcome.VERIFIED
