"""A witness as a process of its own: it cosigns what grows, and names what was rolled back or forked."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govflow.audit.checkpoint import Checkpoint
from govflow.audit.cosignature import Cosigner
from govflow.audit.note import parse_note
from govflow.audit.record import Draft
from govflow.audit.verifier_key import VerifierKey
from govflow.audit.witness import NEVER, Witnessed
from govflow.errors import InputError, StoreError
from govflow.services.ask_witnesses import ask_witnesses
from govflow.services.keep_sealed import Sealing
from govflow.services.seal_log import held_checkpoint, seal, seal_and_show
from govflow.services.serve_witness import Witness, serve
from govflow.services.witness_state import WitnessState
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run
from tests.cli.signers import Program, eventually


def say(count: int = 4) -> None:
    workspace = open_workspace(load_settings())
    for number in range(count):
        draft = Draft("run.opened", "default", datetime.now(UTC), subject="alice", payload={"number": number})
        workspace.store.append(draft, durable=True)
    workspace.close()


class Other:
    """A witness on another machine, with what it is known by."""

    def __init__(self, folder: Path, key: str, name: str = "w1.example/audit") -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self.folder = folder
        self._words = ("audit", "witness", "--name", name, "--log", key, "--port", "0")
        self.start()

    def start(self) -> None:
        self.program = Program(*self._words, cwd=self.folder)
        self.key = self.program.until(r"witness: (\S+\+\S+)")[1]
        self.url = self.program.until(r"ready at (http://\S+)")[1]


@pytest.fixture
def log(repo: Path, run: Run) -> Path:
    """A log with a checkpoint; the database file."""
    say()
    assert run("audit", "checkpoint").code == 0
    return repo.parent / "gov" / "gov.db"


@pytest.fixture
def witness(log: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Other]:
    other = Other(tmp_path / "w1", run("audit", "keys").out.strip())
    monkeypatch.setenv("GOVFLOW_WITNESSES", json.dumps({other.url: other.key}))
    yield other
    other.program.end(signal.SIGKILL)


def copied(log: Path, to: Path) -> Path:
    with closing(sqlite3.connect(log)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
    return to


@pytest.mark.covers("B-13")
def test_a_checkpoint_has_the_lines_of_its_witnesses_and_an_auditor_asks_for_them(
    log: Path, repo: Path, run: Run, witness: Other
) -> None:
    key = run("audit", "keys").out
    plain = repo / "plain.txt"
    with closing(sqlite3.connect(log)) as raw:
        plain.write_text(raw.execute("SELECT note FROM audit_checkpoint").fetchone()[0])
    for count, name in ((0, "first.txt"), (3, "second.txt")):
        say(count)
        made = run("audit", "checkpoint", "--out", name)
        assert (made.code, "witness w1.example/audit: has cosigned" in made.err) == (0, True), made.err
        assert (repo / name).read_text().count("\n— ") == 2
        seen = run("audit", "verify", "--checkpoint", name, "--key", key, "--witness", witness.key)
        assert seen.code == 0, seen.err
    lent = run("audit", "verify", "--checkpoint", str(plain), "--key", key, "--witness", witness.key)
    assert (lent.code, "Cosigned up to record" in lent.out) == (0, True), "the database has the line"
    for number in ("-1", "2"):
        asked = ("--checkpoint", "second.txt", "--key", key, "--witness", witness.key, f"--witnesses={number}")
        assert run("audit", "verify", *asked).code == 2
    assert run("audit", "checkpoint", "--format", "json").json["witnesses"][0]["why"] == ""


def test_a_witness_that_was_killed_knows_what_it_has_seen(
    log: Path, run: Run, witness: Other, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = copied(log, tmp_path / "old.db")
    say(3)
    assert run("audit", "checkpoint").code == 0
    witness.program.end(signal.SIGKILL)
    down = run("audit", "checkpoint")
    assert down.code == 0, "it has cosigned this one already"
    say(1)
    down = run("audit", "checkpoint")
    assert (down.code, "cannot be reached" in down.err) == (1, True)
    key = witness.key
    witness.start()
    assert witness.key == key
    monkeypatch.setenv("GOVFLOW_WITNESSES", json.dumps({witness.url: witness.key}))
    assert run("audit", "checkpoint").code == 0, "the same checkpoint is shown again"
    # The database is taken back to what it was, and goes on: shorter at first, then another log of the same length.
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{old}")
    say(1)
    back = run("audit", "checkpoint")
    assert (back.code, "the log was rolled back" in back.err) == (1, True), back.err
    say(9)
    fork = run("audit", "checkpoint")
    assert (fork.code, "answers 422" in fork.err) == (1, True), fork.err
    assert "\n— w1" not in run("audit", "checkpoint").out


def test_what_another_process_has_shown_meanwhile_is_no_rollback(log: Path, run: Run, witness: Other) -> None:
    workspace = open_workspace(load_settings())
    try:
        old = workspace.store.seals.newest("default")
        assert old is not None
        say(2)
        newer, asked = seal_and_show(workspace, datetime.now(UTC))
        assert newer is not None and newer.size > old.size
        assert [one.why for one in asked] == [""]
        assert [one.why for one in ask_witnesses(workspace, old, datetime.now(UTC))] == [""]
        # The witness has answered, and its line was not kept: its process was killed in between.
        say(1)
        last = seal(workspace, datetime.now(UTC))
        assert last is not None
        with closing(sqlite3.connect(witness.folder / "witness.db")) as state:
            state.execute("UPDATE witnessed SET size = ?, root = ?", (last.size, b64decode(last.note.split("\n")[2])))
            state.commit()
        assert [one.why for one in ask_witnesses(workspace, newer, datetime.now(UTC))] == [""]
    finally:
        workspace.close()


def test_a_look_shows_what_a_witness_has_not_seen_when_it_is_back(
    log: Path, run: Run, witness: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness.program.end(signal.SIGKILL)
    say(2)
    with closing(open_workspace(load_settings())) as workspace:
        sealing, key = Sealing(), witness.key
        made = sealing.seal(workspace)
        assert made is not None
        assert sealing.look(workspace) is None, "nothing is due, and the witness is away"
        assert workspace.store.seals.witnessed("default", key) == 0
    witness.start()
    monkeypatch.setenv("GOVFLOW_WITNESSES", json.dumps({witness.url: key}))
    with closing(open_workspace(load_settings())) as workspace:
        sealing.look(workspace)
        assert workspace.store.seals.witnessed("default", key) == 0, "it was asked a moment ago"
        Sealing().look(workspace)
        assert workspace.store.seals.witnessed("default", key) == made.size


def test_a_witness_whose_state_is_gone_does_not_start_with_its_key(log: Path, witness: Other) -> None:
    witness.program.end(signal.SIGKILL)
    (witness.folder / "witness.db").unlink()
    again = Program(*witness._words, cwd=witness.folder)
    again.until("is forgotten")
    assert again.process.wait(240) == 2
    again.end()
    witness.program = again


def test_what_a_witness_says_does_not_reach_the_terminal_as_it_is(
    log: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = b"\x1b[2J\nwitness other: has cosigned"
    answer = b"HTTP/1.1 400 no\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve_once() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(100_000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve_once)
        thread.start()
        key = Cosigner("w.example/w", Ed25519PrivateKey.from_private_bytes(b"\1" * 32)).key
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setenv("GOVFLOW_WITNESSES", json.dumps({url: str(key)}))
        made = run("audit", "checkpoint")
        thread.join()
    assert made.code == 1
    assert "\x1b" not in made.err
    assert not [line for line in made.err.splitlines() if line.startswith("witness other")]


def test_a_cosignature_of_tomorrow_does_not_count(log: Path, run: Run) -> None:
    note = parse_note(run("audit", "checkpoint").out)
    key = VerifierKey.parse(run("audit", "keys").out.strip())
    witness = Cosigner("w.example/w", Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
    now = datetime.now(UTC)
    for at, counts in ((now, True), (now + timedelta(days=1), False)):
        text = str(note.with_signatures(witness.cosign(Checkpoint.parse(note.text), at)))
        if counts:
            assert held_checkpoint(text, [key], [witness.key], 1, now).size > 0
        else:
            with pytest.raises(InputError, match="0 of the 1"):
                held_checkpoint(text, [key], [witness.key], 1, now)


def test_two_copies_that_go_on_differently_are_told_apart(
    log: Path, run: Run, witness: Other, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = copied(log, tmp_path / "other.db")
    say(2)
    assert run("audit", "checkpoint").code == 0
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{other}")
    say(2)
    fork = run("audit", "checkpoint")
    assert (fork.code, "the log was forked" in fork.err) == (1, True), fork.err


def test_a_log_that_it_does_not_know_or_another_key_is_not_cosigned(
    log: Path, run: Run, witness: Other, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{repo.parent}/stranger.db")
    say()
    unknown = run("audit", "checkpoint")
    assert (unknown.code, "answers 404" in unknown.err) == (1, True), unknown.err
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{log}")
    monkeypatch.setenv("GOVFLOW_SIGNING_KEY", str(repo.parent / "another" / "signing.pem"))
    say()
    swapped = run("audit", "checkpoint")
    assert (swapped.code, "answers 403" in swapped.err) == (1, True), swapped.err


def test_what_another_signs_in_its_name_is_refused(
    log: Path, run: Run, witness: Other, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = Other(tmp_path / "liar", run("audit", "keys").out.strip())
    try:
        monkeypatch.setenv("GOVFLOW_WITNESSES", json.dumps({liar.url: witness.key}))
        lied = run("audit", "checkpoint")
        assert (lied.code, "\n— w1" in lied.out) == (1, False), lied.err
    finally:
        liar.program.end(signal.SIGKILL)


@pytest.mark.parametrize("value", ['{"http://far.example/": "x"}', '{"https://w.example": "not a key"}', "[1]"])
def test_settings_that_name_no_witness_are_refused(
    log: Path, run: Run, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("GOVFLOW_WITNESSES", value)
    assert run("audit", "checkpoint").code == 2


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[int]:
    """A witness of no log, in this process; its port."""
    with serving(tmp_path) as port:
        yield port


@contextmanager
def serving(tmp_path: Path) -> Iterator[int]:
    cosigner = Cosigner("w.example/w", Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
    stop, ports = threading.Event(), list[int]()
    ready = threading.Event()

    def told(port: int) -> None:
        ports.append(port)
        ready.set()

    arguments = (Witness(cosigner, {}, WitnessState(tmp_path / "state.db")), "127.0.0.1", 0, stop, told)
    thread = threading.Thread(target=serve, args=arguments)
    thread.start()
    assert ready.wait(60)
    yield ports[0]
    stop.set()
    thread.join()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 400),
        (b"POST /add-checkpoint HTTP/1.1\r\n\r\n", 400),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n", 400),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (b"POST /other HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404),
        (b"GET /add-checkpoint HTTP/1.1\r\n\r\n", 501),
    ],
)
def test_what_is_no_request_is_answered_so(listening: int, sent: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", listening), timeout=60) as at:
        at.sendall(sent)
        assert at.recv(1000).split(b" ")[1] == str(status).encode()


def test_more_connections_than_there_is_room_for_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("govflow.services.serve_witness._AT_ONCE", 2)
    with serving(tmp_path) as port:
        idle = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(2)]
        with socket.create_connection(("127.0.0.1", port), timeout=60) as third:
            assert third.recv(10) == b""
        for one in idle:
            one.close()
        assert eventually(lambda: answers(port))


def answers(port: int) -> bool:
    """Whether a request is answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as at:
        try:
            at.sendall(b"POST /other HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
            return at.recv(1000).startswith(b"HTTP/1.0 404")
        except OSError:
            return False


def test_a_request_that_never_ends_is_cut(listening: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("govflow.services.serve_witness._PATIENCE", 0.2)
    with socket.create_connection(("127.0.0.1", listening), timeout=60) as at:
        at.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 30\r\n\r\nold")
        assert at.recv(1000) == b""


def test_what_a_witness_keeps_is_changed_only_from_what_it_was(tmp_path: Path) -> None:
    state, other = WitnessState(tmp_path / "w.db"), WitnessState(tmp_path / "w.db")
    first, second = Witnessed(3, b"3" * 32), Witnessed(5, b"5" * 32)
    assert state.latest("log") == NEVER
    assert state.keep("log", NEVER, first)
    assert not other.keep("log", NEVER, second), "somebody else was quicker"
    assert other.keep("log", first, second)
    assert (state.latest("log"), state.latest("another")) == (second, NEVER)


def test_a_state_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "w.db").write_text("text " * 1000)
    with pytest.raises(StoreError, match="witness' state"):
        WitnessState(tmp_path / "w.db")
    with pytest.raises(StoreError, match="witness' state"):
        WitnessState(tmp_path / "not-here" / "w.db")
