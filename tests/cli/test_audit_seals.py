"""Checkpoints and proofs at the terminal, on the side of the log and on the side of an auditor."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govflow.audit.record import Draft
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run


def say(count: int = 4) -> None:
    workspace = open_workspace(load_settings())
    for number in range(count):
        draft = Draft("run.opened", "default", datetime.now(UTC), subject="alice", payload={"number": number})
        workspace.store.append(draft, durable=True)
    workspace.close()


@pytest.fixture
def log(repo: Path) -> Path:
    """A log of four records; the database file. The first checkpoint makes the signing key, which is a record too."""
    say()
    return repo.parent / "gov" / "gov.db"


def test_a_checkpoint_binds_what_was_before_it(
    log: Path, repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run("audit", "checkpoint", "--out", "monday.txt")
    assert (first.code, first.out) == (0, "5 records, in monday.txt\n")
    note = (repo / "monday.txt").read_text()
    assert note.splitlines()[0].endswith("/default")
    assert run("audit", "checkpoint").out == note, "nothing was written since"
    key = run("audit", "keys").out
    say(3)
    good = run("audit", "verify", "--checkpoint", "monday.txt", "--key", key)
    assert good.code == 0
    assert "8 records verified against a checkpoint of 5 records and the head" in good.out
    # Whoever holds the database and knows how makes all of it anew, one record changed.
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{repo.parent}/other.db")
    say(8)
    assert run("audit", "verify").code == 0, "by itself it is whole"
    seen = run("audit", "verify", "--checkpoint", "monday.txt", "--key", key)
    assert seen.code == 1
    assert "tampered" in seen.out
    assert "rewritten before record 5" in seen.out


def test_a_log_that_was_cut_behind_a_checkpoint_is_named(log: Path, repo: Path, run: Run) -> None:
    copy = repo / "copy.db"
    with closing(sqlite3.connect(log)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    say(2)
    run("audit", "checkpoint", "--out", "held.txt")
    key = run("audit", "keys").out
    seen = run("audit", "verify", "copy.db", "--tenant", "default", "--checkpoint", "held.txt", "--key", key)
    assert seen.code == 1
    assert "the checkpoint covers 7" in seen.out


def test_a_record_is_proven_to_somebody_who_has_the_key_alone(
    log: Path, repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("audit", "checkpoint")
    assert run("audit", "prove", "2", "--out", "two.tlog-proof").code == 0
    key = run("audit", "keys").out.strip()
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", "sqlite:////nowhere/gov.db")
    checked = run("audit", "check", "two.tlog-proof", "--key", key)
    assert checked.code == 0
    assert "verified: Record 2 is under a checkpoint of 5 records" in checked.out
    assert "number=2" in checked.out
    found = run("audit", "check", "two.tlog-proof", "--key", key, "--format", "json").json
    assert found["record"]["body"]["payload"] == {"number": 2}
    text = (repo / "two.tlog-proof").read_text()
    for name, changed in {
        "index": text.replace("index 2", "index 1"),
        "record": text.replace("extra eyJib2R5Ijp7", "extra eyJib2R5Ijp8"),
        "checkpoint": text.replace("\n5\n", "\n6\n"),
    }.items():
        assert changed != text, name
        (repo / f"{name}.tlog-proof").write_text(changed)
        refused = run("audit", "check", f"{name}.tlog-proof", "--key", key)
        assert refused.code == 1, name
        assert refused.out.startswith("tampered: The proof does not hold: ")
        assert "number=" not in refused.out, "nothing is shown of a record that is not proven"
    (repo / "cut.tlog-proof").write_text(text[:40])
    unknown = run("audit", "check", "cut.tlog-proof", "--key", key, "--format", "json")
    assert (unknown.code, unknown.json["verdict"], unknown.json["record"]) == (4, "cannot judge", None)


def test_a_key_of_another_log_believes_nothing(
    log: Path, repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("audit", "checkpoint", "--out", "held.txt")
    run("audit", "prove", "0", "--out", "zero.tlog-proof")
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{repo.parent}/other.db")
    monkeypatch.setenv("GOVFLOW_SIGNING_KEY", str(repo.parent / "other" / "signing.pem"))
    say(1)
    run("audit", "checkpoint")
    other = run("audit", "keys").out
    checked = run("audit", "check", "zero.tlog-proof", "--key", other)
    assert checked.code == 4
    assert checked.out.startswith("cannot judge: Whether the proof holds is not known: ")
    assert run("audit", "verify", "--checkpoint", "held.txt", "--key", other).code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("verify",),
        ("verify", "log.jsonl"),
        ("verify", "--checkpoint", "held.txt"),
        ("verify", "--since-checkpoint", "held.txt"),
        ("check", "zero.tlog-proof"),
    ],
)
def test_the_key_of_a_witness_is_no_key_of_a_log(log: Path, run: Run, words: tuple[str, ...]) -> None:
    run("audit", "checkpoint", "--out", "held.txt")
    run("audit", "prove", "0", "--out", "zero.tlog-proof")
    run("audit", "export", "log.jsonl")
    witness = VerifierKey("witness.example/w", Kind.COSIGNATURE, bytes(range(32)))
    refused = run("audit", *words, "--key", str(witness))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("error[input]: witness.example/w is the key of a witness, not of a log.")


def test_what_is_missing_is_said(repo: Path, log: Path, run: Run) -> None:
    assert "No checkpoint" in run("audit", "keys").err
    assert "No checkpoint covers record 1" in run("audit", "prove", "1").err
    run("audit", "checkpoint", "--out", "held.txt")
    assert "not there" in run("audit", "checkpoint", "--out", "held.txt").err
    assert "Without a key" in run("audit", "verify", "--checkpoint", "held.txt").err
    assert "no verifier key" in run("audit", "check", "held.txt", "--key", "nonsense").err
    assert "cannot be read" in run("audit", "check", "absent", "--key", run("audit", "keys").out).err


def test_only_what_follows_a_checkpoint_is_read(log: Path, repo: Path, run: Run) -> None:
    run("audit", "checkpoint", "--out", "monday.txt")
    key = run("audit", "keys").out
    say(2)
    since = ("audit", "verify", "--since-checkpoint", "monday.txt")
    done = run(*since, "--key", key)
    assert done.code == 0
    assert "7 records verified against a checkpoint of 5 records" in done.out
    assert "Not read again were the first 5 records" in done.out
    for more in (
        ("--checkpoint", "monday.txt", "--key", key),
        ("log.jsonl", "--key", key),
        ("--key", key, "--jobs", "0"),
    ):
        assert run(*since, *more).code == 2
    assert "Without a key" in run(*since).err
