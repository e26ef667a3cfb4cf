"""A copy of the log that is handed to somebody who has nothing but its key."""

from __future__ import annotations

import base64
import os
import re
import shlex
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govflow.audit.record import Draft
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run

DOCS = Path(__file__).parents[2] / "docs"
Lines = list[bytes]


def say(count: int = 6, days: int = 0) -> None:
    """Records of now; or, spread over so many days up to now."""
    workspace = open_workspace(load_settings())
    now = datetime.now(UTC)
    for number in range(count):
        at = now - timedelta(days=days - number * days // max(count - 1, 1))
        draft = Draft("run.opened", "default", at, subject="alice", payload={"text": 'a ,"prev":"b', "number": number})
        workspace.store.append(draft, durable=True)
    workspace.close()


@pytest.fixture
def exported(repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Lines:
    """``log.jsonl`` and ``log.key``; the lines of the first. The database is out of reach afterwards."""
    say()
    assert run("audit", "checkpoint", "--out", "held.txt").code == 0
    done = run("audit", "export", "log.jsonl")
    assert (done.code, done.out) == (0, "7 records, in log.jsonl\n")
    (repo / "log.key").write_text(run("audit", "keys").out)
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", "sqlite:////nowhere/gov.db")
    return (repo / "log.jsonl").read_bytes().splitlines(keepends=True)


def test_it_verifies_with_the_key_alone(exported: Lines, repo: Path, run: Run) -> None:
    key = (repo / "log.key").read_text()
    seen = run("audit", "verify", "log.jsonl", "--key", key)
    assert seen.code == 0
    assert "7 records verified against a checkpoint of 7 records" in seen.out
    found = run("audit", "verify", "log.jsonl", "--key", key, "--format", "json").json
    assert found["verdict"] == "verified"
    assert found["logs"][0]["root"].startswith("sha256:")
    assert [orjson.loads(line)["leaf"]["seq"] for line in exported[1:-1]] == list(range(7))


def swapped(lines: Lines) -> Lines:
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


ATTACKS: dict[str, tuple[Callable[[Lines], Lines], str, str]] = {
    "flipped": (lambda lines: [*lines[:3], lines[3].replace(b"alice", b"alicf"), *lines[4:]], "tampered", "altered"),
    "misspelt": (lambda lines: [*lines[:3], lines[3].replace(b'"leaf"', b'"loaf"'), *lines[4:]], "tampered", "altered"),
    "padded": (lambda lines: [*lines[:3], b" " + lines[3], *lines[4:]], "tampered", "altered"),
    "deleted": (lambda lines: lines[:3] + lines[4:], "tampered", "missing"),
    "inserted": (lambda lines: [*lines[:3], b"{}\n", *lines[3:]], "tampered", "altered"),
    "duplicated": (lambda lines: [*lines[:4], lines[3], *lines[4:]], "tampered", "duplicate"),
    "reordered": (swapped, "tampered", "reordered"),
    "cut before its end": (lambda lines: [*lines[:5], lines[-1]], "tampered", "truncated"),
    "cut with its checkpoint": (lambda lines: lines[:5], "cannot judge", "no checkpoint"),
    "another tenant's": (
        lambda lines: [lines[0].replace(b"default", b"another"), *lines[1:]],
        "cannot judge",
        "of tenant 'another'",
    ),
    "a checkpoint changed": (
        lambda lines: [*lines[:-1], lines[-1].replace(b"\\n7\\n", b"\\n6\\n")],
        "cannot judge",
        "does not count",
    ),
    "a checkpoint torn": (lambda lines: [*lines[:-1], lines[-1][:40]], "cannot judge", "does not count"),
    "two checkpoints": (lambda lines: [*lines, lines[-1]], "cannot judge", "twice"),
    "no header": (lambda lines: lines[1:], "cannot judge", "first line"),
    "a later format": (
        lambda lines: [lines[0].replace(b'"format":1', b'"format":2'), *lines[1:]],
        "cannot judge",
        "format 2",
    ),
    "empty": (lambda lines: [], "cannot judge", "first line"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_was_done_to_it_is_named(exported: Lines, repo: Path, run: Run, attack: str) -> None:
    change, verdict, words = ATTACKS[attack]
    changed = change(exported)
    assert changed != exported
    (repo / "log.jsonl").write_bytes(b"".join(changed))
    seen = run("audit", "verify", "log.jsonl", "--key", (repo / "log.key").read_text())
    assert seen.code == {"tampered": 1, "cannot judge": 4}[verdict]
    assert seen.out.startswith(verdict)
    assert words in seen.out


def test_every_flipped_byte_of_a_record_is_found(exported: Lines, repo: Path, run: Run) -> None:
    key = (repo / "log.key").read_text()
    line = exported[2]
    for place in range(0, len(line), 7):
        flipped = line[:place] + bytes([line[place] ^ 1]) + line[place + 1 :]
        (repo / "log.jsonl").write_bytes(b"".join([*exported[:2], flipped, *exported[3:]]))
        found = run("audit", "verify", "log.jsonl", "--key", key, "--format", "json").json["logs"][0]
        assert (found["verdict"], found["record"]) == ("tampered", 1), place


def test_an_older_export_and_one_of_a_fork_do_not_pass_for_what_somebody_has_kept(
    exported: Lines, repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (repo / "log.key").read_text()
    verify = ("audit", "verify", "log.jsonl", "--key", key, "--checkpoint")
    assert run(*verify, "held.txt").code == 0
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{repo.parent}/gov/gov.db")
    fork = repo.parent / "fork.db"
    with closing(sqlite3.connect(repo.parent / "gov" / "gov.db")) as source, closing(sqlite3.connect(fork)) as target:
        source.backup(target)
    say(2)
    run("audit", "checkpoint", "--out", "later.txt")
    rolled_back = run(*verify, "later.txt")
    assert rolled_back.code == 1
    assert "truncated" in rolled_back.out
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{fork}")
    say(3)
    run("audit", "checkpoint")
    assert run("audit", "export", "fork.jsonl").code == 0
    assert run("audit", "verify", "fork.jsonl", "--key", key).code == 0, "by itself it is whole"
    forked = run("audit", "verify", "fork.jsonl", "--key", key, "--checkpoint", "later.txt")
    assert forked.code == 1
    assert "rewritten before record 10" in forked.out


def test_a_swapped_key_believes_nothing(exported: Lines, repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{repo.parent}/other.db")
    monkeypatch.setenv("GOVFLOW_SIGNING_KEY", str(repo.parent / "other" / "signing.pem"))
    say(1)
    run("audit", "checkpoint")
    seen = run("audit", "verify", "log.jsonl", "--key", run("audit", "keys").out)
    assert seen.code == 4
    assert "cannot judge" in seen.out
    assert "Without a key" in run("audit", "verify", "log.jsonl").err


def test_one_file_a_day_keeps_the_chain(repo: Path, run: Run) -> None:
    say(6, days=2)
    run("audit", "checkpoint")
    (repo / "days").mkdir()
    assert run("audit", "export", "days").code == 0
    files = sorted((repo / "days").iterdir())
    assert len(files) == 3
    size, last = 0, "sha256:" + "0" * 64
    for file in files:
        header, *lines = map(orjson.loads, file.read_bytes().splitlines())
        assert (header["from"]["hash"], header["from"]["size"]) == (last, size)
        assert len(header["from"].get("tree", [])) == size.bit_count()
        records = [line for line in lines if "leaf" in line]
        size, last = size + len(records), records[-1]["hash"]
    key = run("audit", "keys").out
    names = [str(file) for file in files]
    assert run("audit", "verify", *reversed(names), "--key", key).code == 0
    assert "missing" in run("audit", "verify", names[0], names[2], "--key", key).out
    assert "no checkpoint" in run("audit", "verify", *names[:2], "--key", key).out


def test_an_export_is_a_record_and_one_that_fails_leaves_no_file(repo: Path, run: Run) -> None:
    say(6, days=2)
    assert "No checkpoint" in run("audit", "export", "log.jsonl").err
    run("audit", "checkpoint")
    assert run("audit", "export", "log.jsonl", "--format", "json").json["left"] == 1
    record = run("audit", "tail", "-n", "1", "--format", "json").json["records"][0]["body"]
    assert (record["event"], record["subject"]) == ("log.exported", "alice")
    assert record["payload"] == {"files": 1, "format": "jsonl", "records": 7}
    kept = (repo / "log.jsonl").read_bytes()
    assert run("audit", "export", "log.jsonl").code == 2
    assert (repo / "log.jsonl").read_bytes() == kept
    (repo / "days").mkdir()
    today = f"{datetime.now(UTC).date()}.jsonl"
    (repo / "days" / today).write_text("mine")
    assert f"{today} is no part of an export" in run("audit", "export", "days").err
    assert [file.name for file in (repo / "days").iterdir()] == [today]
    assert "no folder" in run("audit", "export", "absent").err


def test_a_folder_is_gone_on_from_only_by_the_log_that_it_is_of(
    repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    gov = repo.parent / "gov" / "gov.db"
    (repo / "days").mkdir()

    def copied(name: str) -> Path:
        to = repo.parent / name
        with closing(sqlite3.connect(gov)) as source, closing(sqlite3.connect(to)) as target:
            source.backup(target)
        return to

    def kept() -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in (repo / "days").iterdir()}

    say()
    run("audit", "checkpoint")
    older = copied("older.db")
    say(2)
    run("audit", "checkpoint")
    first = run("audit", "export", "days", "--format", "json").json
    assert (first["before"], first["records"]) == (0, 9)
    held = kept()
    assert run("audit", "export", "days").code == 0
    assert run("audit", "export", "days").out == "nothing new: days has all 9 records that a checkpoint covers\n"
    assert kept() == held
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{older}")
    rolled_back = run("audit", "export", "days")
    assert rolled_back.code == 2 and "it was set back" in rolled_back.err
    say(4)
    run("audit", "checkpoint")
    forked = run("audit", "export", "days")
    assert forked.code == 2 and "one of both went another way" in forked.err
    assert kept() == held
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{gov}")
    run("audit", "checkpoint")
    assert run("audit", "export", "days").out.startswith("1 records behind the 9 that were there, in days/")
    key = run("audit", "keys").out
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", "sqlite:////nowhere/gov.db")
    seen = run("audit", "verify", "days", "--key", key, "--format", "json")
    assert (seen.code, seen.json["logs"][0]["records"]) == (0, 10)


def test_a_folder_without_an_export_is_none(repo: Path, run: Run) -> None:
    (repo / "days").mkdir()
    seen = run("audit", "verify", "days", "--key", "k")
    assert seen.code == 2 and "no export is in it" in seen.err
    (repo / "days" / "one.jsonl").write_text("{}")
    assert "A folder is an export of its own" in run("audit", "verify", "days", "more.jsonl", "--key", "k").err


FIRST_LINES: dict[str, Callable[[bytes], bytes]] = {
    "another hash": lambda line: re.sub(rb'("hash":"sha256:)[0-9a-f]', lambda m: m[1] + b"g", line),
    "another record's hash": lambda line: re.sub(rb'"sha256:[0-9a-f]{64}"', b'"sha256:' + b"a" * 64 + b'"', line),
    "another tree": lambda line: re.sub(rb'"tree":\["[0-9a-f]{64}', b'"tree":["' + b"a" * 64, line),
    "another size": lambda line: re.sub(rb'"size":(\d+)', lambda m: b'"size":%d' % (int(m[1]) ^ 8), line),
    "a word more": lambda line: line.replace(b'{"export"', b'{"note":"all approved by bob","export"'),
    "a word twice": lambda line: line.replace(b'{"export"', b'{"tenant":"default","export"'),
    "another spelling": lambda line: line.replace(b'"format":1', b'"format":1.0'),
    "blanks": lambda line: line.replace(b"}\n", b"} \n"),
}


@pytest.mark.parametrize("change", FIRST_LINES.values(), ids=FIRST_LINES)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_first_line_of_each_file_is_held_to_the_files_before(
    repo: Path, run: Run, which: int, change: Callable[[bytes], bytes]
) -> None:
    say(6, days=2)
    run("audit", "checkpoint")
    (repo / "days").mkdir()
    assert run("audit", "export", "days").code == 0
    key = run("audit", "keys").out
    assert run("audit", "verify", "days", "--key", key).code == 0
    file = sorted((repo / "days").iterdir())[which]
    first, rest = file.read_bytes().split(b"\n", 1)
    changed = change(first + b"\n")
    file.write_bytes(changed + rest)
    same = changed == first + b"\n"
    assert same is (which == 0 and change is FIRST_LINES["another tree"]), "before the first record there is no tree"
    assert (run("audit", "verify", "days", "--key", key).code == 0) is same


@pytest.mark.parametrize("spelled", [b'{"checkpoint" :', b'{"checkpoint":"x","checkpoint":', b'{"checkpoint":'])
def test_the_line_of_a_checkpoint_has_one_spelling(exported: Lines, repo: Path, run: Run, spelled: bytes) -> None:
    line = exported[-1].replace(b'{"checkpoint":', spelled)
    (repo / "log.jsonl").write_bytes(b"".join([*exported[:-1], line.replace(b"}\n", b" }\n")]))
    assert run("audit", "verify", "log.jsonl", "--key", (repo / "log.key").read_text()).code != 0


def test_a_key_of_another_log_beside_the_right_one_does_not_matter(exported: Lines, repo: Path, run: Run) -> None:
    key = (repo / "log.key").read_text().strip()
    public = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key().public_bytes_raw()
    raw, name = b"\x01" + public, "other.example/rival"
    key_id = sha256(name.encode() + b"\n" + raw).digest()[:4].hex()
    other = f"{name}+{key_id}+{base64.b64encode(raw).decode()}"
    for keys in (f"{key} {other}", f"{other} {key}"):
        assert run("audit", "verify", "log.jsonl", "--key", keys).code == 0, keys


def test_a_pipe_in_the_folder_is_not_waited_for(exported: Lines, repo: Path, run: Run) -> None:
    os.mkfifo(repo / "more.jsonl")
    done = run("audit", "verify", "log.jsonl", "more.jsonl", "--key", (repo / "log.key").read_text())
    assert done.code == 4 and "it is no file" in done.out


def test_the_page_goes_as_it_says(repo: Path, run: Run) -> None:
    say()
    block = re.findall(r"```console\n(.*?)```", (DOCS / "audit-export.md").read_text(), re.DOTALL)[0]
    for line in block.splitlines():
        words = shlex.split(line.removeprefix("$ ").partition("  #")[0].replace("$(cat log.key)", "KEY"))
        if words[0] != "govflow":
            (repo / words[1]).mkdir()
            continue
        to = words.index(">") if ">" in words else len(words)
        key = (repo / "log.key").read_text() if (repo / "log.key").exists() else ""
        done = run(*(key if word == "KEY" else word for word in words[1:to]))
        assert done.code == 0, (line, done.err, done.out)
        if to < len(words):
            (repo / words[to + 1]).write_text(done.out)
