"""What an auditor who asks for witnesses is told of a database and of an export, and what the doctor says of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govflow.audit.checkpoint import Checkpoint
from govflow.audit.cosignature import Cosigner
from govflow.audit.note import parse_note
from govflow.services.seal_log import seal
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run
from tests.cli.test_witness import log, say, serving

__all__ = ["log"]

W1, W2 = (Cosigner(f"w{n}.example/audit", Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in (1, 2))
Verify = Callable[..., tuple[int, str]]


def cosign(*witnesses: Cosigner, at: datetime | None = None) -> None:
    """Lines of these witnesses under the newest checkpoint, as the database keeps them."""
    with closing(open_workspace(load_settings())) as workspace:
        put_under(workspace, *witnesses, at=at or datetime.now(UTC))


def put_under(workspace: Workspace, *witnesses: Cosigner, at: datetime) -> None:
    sealed = workspace.store.seals.newest("default")
    assert sealed is not None
    for witness in witnesses:
        line = witness.cosign(Checkpoint.parse(parse_note(sealed.note).text), at).line()
        workspace.store.seals.cosign(sealed, str(witness.key), line, at)


@pytest.fixture
def verify(log: Path, run: Run) -> Verify:
    """``audit verify`` of the database, asked for both witnesses; its exit code and what it says."""

    def verify(*words: str) -> tuple[int, str]:
        done = run("audit", "verify", *words, "--witness", str(W1.key), "--witness", str(W2.key))
        return done.code, done.out + done.err

    return verify


@pytest.mark.covers("B-13")
def test_the_lines_in_the_database_are_asked_for(verify: Verify, run: Run) -> None:
    code, words = verify()
    assert (code, words.startswith("cannot judge")) == (4, True)
    assert "2 of the witnesses w1.example/audit, w2.example/audit have to have cosigned, and none of them has" in words
    cosign(W1)
    code, words = verify()
    assert (code, words.startswith("cannot judge")) == (4, True)
    assert "1 of them has: w1.example/audit, and not w2.example/audit" in words
    assert verify("--witnesses", "1")[0] == 0
    cosign(W2)
    code, words = verify()
    assert (code, "against a checkpoint of 5 records" in words) == (0, True), words
    assert "Cosigned up to record 4 by w1.example/audit, w2.example/audit." in words
    assert verify("--key", run("audit", "keys").out)[0] == 0
    say(2)
    run("audit", "checkpoint")
    cosign(W1)
    code, words = verify()
    assert code == 0 and "The 2 behind that no witness has to have seen." in words, words
    assert "against a checkpoint of 7 records" in verify("--witnesses", "1")[1]


def test_what_was_cosigned_and_rewritten_is_tampered_not_unjudged(verify: Verify, log: Path) -> None:
    cosign(W1)  # too few, or enough where one is asked for
    with closing(sqlite3.connect(log)) as raw:
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute("DELETE FROM audit_record WHERE seq = 3")
        raw.commit()
    for words in ((), ("--witnesses", "1")):
        code, said = verify(*words)
        assert (code, said.startswith("tampered"), "Record 3 is missing" in said) == (1, True, True), said


def test_a_line_of_tomorrow_or_by_another_hand_does_not_count(verify: Verify, log: Path, run: Run, repo: Path) -> None:
    cosign(W1, W2, at=datetime.now(UTC) + timedelta(days=1))
    assert "none of them has" in verify()[1]
    with closing(sqlite3.connect(log)) as raw:
        forged = W1.cosign(Checkpoint("another", 5, bytes(32)), datetime.now(UTC)).line()
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute("UPDATE audit_cosignature SET line = ? WHERE witness = ?", (forged, str(W1.key)))
        raw.commit()
    code, words = verify("--witnesses", "1")
    assert (code, words.startswith("cannot judge")) == (4, True)
    assert "does not fit the text" in words
    # A line that the database forged does not spoil the good ones of a file that was kept.
    with closing(open_workspace(load_settings())) as workspace:
        sealed = workspace.store.seals.newest("default")
    assert sealed is not None
    note = parse_note(sealed.note.partition("\n— w")[0] + "\n")
    good = W1.cosign(Checkpoint.parse(note.text), datetime.now(UTC))
    (repo / "kept.txt").write_text(str(note.with_signatures(good)))
    assert verify("--witnesses", "1", "--checkpoint", "kept.txt", "--key", run("audit", "keys").out)[0] == 0


def test_a_checkpoint_that_was_kept_is_the_one_that_is_asked_about(verify: Verify, run: Run, repo: Path) -> None:
    run("audit", "checkpoint", "--out", "kept.txt")
    kept = ("--checkpoint", "kept.txt", "--key", run("audit", "keys").out)
    say(2)
    run("audit", "checkpoint")
    cosign(W1, W2)
    code, words = verify(*kept)
    assert (code, words.startswith("cannot judge")) == (4, True), "a later one has lines, and it is not this one"
    assert "none of them has" in words
    assert run("audit", "verify", *kept).code == 0


def test_the_lines_in_an_export_are_asked_for(
    verify: Verify, run: Run, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = run("audit", "keys").out
    plain = run("audit", "checkpoint").out
    (repo / "plain.txt").write_text(plain)
    (repo / "days").mkdir()
    run("audit", "export", "none.jsonl")
    cosign(W1, W2)
    run("audit", "export", "days")
    say(1)
    run("audit", "checkpoint")
    run("audit", "export", "days")
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", "sqlite:////nowhere/gov.db")
    code, words = verify("none.jsonl", "--key", key)
    assert (code, words.startswith("cannot judge"), "none of them has" in words) == (4, True, True), words
    code, words = verify("days", "--key", key)
    assert (code, words.startswith("verified"), "Cosigned up to record 4 by" in words) == (0, True, True), words
    assert "no witness has to have seen" in words, "an earlier day has the lines, the last has none"
    assert verify("days", "--key", key, "--checkpoint", "plain.txt")[0] == 0, "lines under another copy of it count"
    assert verify("none.jsonl", "--key", key, "--checkpoint", "plain.txt")[0] == 4


@pytest.mark.parametrize("words", [("--witnesses", "3"), ("--witnesses", "-1"), ("--witness", "no-key")])
def test_what_nobody_could_fulfil_is_wrong_usage(verify: Verify, words: tuple[str, ...]) -> None:
    assert verify(*words)[0] == 2


def test_the_key_of_a_log_is_none_of_a_witness(log: Path, run: Run) -> None:
    assert run("audit", "verify", "--witness", run("audit", "keys").out.strip()).code == 2


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with serving(tmp_path) as at:
        yield at


def of_witnesses(run: Run) -> list[dict[str, str]]:
    done = run("doctor", "--format", "json")
    return [one for one in done.json["checks"] if one["name"].startswith("witness")]


def test_the_doctor_says_who_answers_and_what_each_has_cosigned(
    log: Path, run: Run, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert of_witnesses(run) == []
    urls = {f"http://127.0.0.1:{port}/s3cret-path": str(W1.key), "http://127.0.0.1:9/s3cret-path": str(W2.key)}
    monkeypatch.setenv("GOVFLOW_WITNESSES", json.dumps(urls))
    one, two = of_witnesses(run)
    assert (one["name"], one["health"]) == ("witness w1.example/audit", "warn")
    assert "it answers, and has cosigned nothing of this log" in one["what"] and one["mend"]
    assert (two["name"], two["health"]) == ("witness w2.example/audit", "warn")
    assert "it cannot be reached" in two["what"]
    cosign(W1)
    one, _ = of_witnesses(run)
    assert (one["health"], "it answers, and has cosigned all 5 records that are sealed, at 20" in one["what"]) == (
        "ok",
        True,
    )
    say(1)
    with closing(open_workspace(load_settings())) as workspace:
        seal(workspace, datetime.now(UTC))
    one, _ = of_witnesses(run)
    assert one["health"] == "warn" and "5 of 6 records" in one["what"]
    assert "s3cret" not in json.dumps(of_witnesses(run))
    monkeypatch.setenv("GOVFLOW_WITNESSES", json.dumps({"https://w.example": "no key"}))
    (bad,) = of_witnesses(run)
    assert bad["health"] == "fail" and "no verifier key" in bad["what"]
