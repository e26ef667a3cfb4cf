"""`govflow signer` and `govflow up` as processes: started, killed, started again, ended."""

from __future__ import annotations

import base64
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from govflow.audit.verify import Outcome
from govflow.cli.app import main
from govflow.permits.keys import SigningKey
from govflow.services.ask_signer import signer_runs
from govflow.services.permits import fetch_permit, issue_permit
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run, spawn
from tests.cli.signers import eventually, gone, program
from tests.services.permit_runs import asked, events, opened


@pytest.fixture
def place(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A flow's process that asks a signer; both find the same settings in this folder."""
    (repo / "pyproject.toml").write_text('[tool.govflow]\nmode = "enforce"\nsigner = "process"\n')
    monkeypatch.delenv("GOVFLOW_PRINCIPAL")
    monkeypatch.setenv("GOVFLOW_PRINCIPAL", "rita")
    found = open_workspace(load_settings())
    yield found
    found.close()


def key_file(repo: Path) -> Path:
    return repo.parent / "home" / ".govflow" / "keys" / "signing.pem"


def test_a_signer_signs_and_ends_cleanly(place: Workspace, repo: Path) -> None:
    run = opened(place)
    with program("signer", cwd=repo) as signer:
        kid = signer.until(r"^signer: ready; key (\S+) in")[1]
        issue_permit(place, asked(place, run), wait=60)
        assert signer.end() == 0
        assert signer.said[-1] == "signer: ended"
    newest = place.store.permits.newest("default", run.facts.run_id)
    assert newest is not None
    assert newest.kid == kid
    assert fetch_permit(place, run.facts.run_id).run_id == run.facts.run_id


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_up_starts_the_signer_and_ends_with_it(place: Workspace, repo: Path, how: signal.Signals) -> None:
    with program("up", "--serve", "nothing", cwd=repo) as up:
        child = int(up.until(r"^signer started \(process (\d+)\)")[1])
        up.until("^signer: ready")
        run = opened(place)
        issue_permit(place, asked(place, run), wait=60)
        assert up.end(how) == 0
    assert up.said[-2:] == ["signer ended", "govflow up: ended"]
    assert "signer: ended" in up.said
    assert gone(child)
    assert not signer_runs(place.settings)


@pytest.mark.once
def test_a_killed_signer_is_started_again_and_answers_what_waited(place: Workspace, repo: Path) -> None:
    runs = [opened(place) for _ in range(6)]
    failures: list[BaseException] = []

    def issue(number: int) -> None:
        try:
            issue_permit(place, asked(place, runs[number]), wait=120)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)

    with program("up", "--serve", "nothing", cwd=repo) as up:
        child = int(up.until(r"^signer started \(process (\d+)\)")[1])
        up.until("^signer: ready")
        threads = [threading.Thread(target=issue, args=(number,)) for number in range(len(runs))]
        for number, thread in enumerate(threads):
            thread.start()
            if number == 2:
                subprocess.run(["kill", "-9", str(child)], check=True)
        up.until("^signer was killed by signal 9")
        up.until("^signer started again")
        up.until("^signer: ready")
        for thread in threads:
            thread.join()
        assert up.end() == 0
    assert failures == []
    for run in runs:
        assert len(place.store.permits.of_run("default", run.facts.run_id)) == 1
        assert events(place, run.facts.run_id).count("permit.issued") == 1
    assert place.store.verify("default").outcome is Outcome.VERIFIED


def test_the_signer_does_not_outlive_a_killed_supervisor(place: Workspace, repo: Path) -> None:
    with program("up", "--serve", "nothing", cwd=repo) as up:
        child = int(up.until(r"^signer started \(process (\d+)\)")[1])
        up.until("^signer: ready")
        assert signer_runs(place.settings)
        up.process.kill()
        assert eventually(lambda: gone(child))
    assert not signer_runs(place.settings)


def test_two_signers_run_and_the_second_says_so(place: Workspace, repo: Path) -> None:
    with program("signer", cwd=repo) as first, program("signer", cwd=repo) as second:
        first.until("^signer: ready")
        second.until("^signer: (another one runs|ready)")
        runs = [opened(place) for _ in range(3)]
        for run in runs:
            issue_permit(place, asked(place, run), wait=60)
    assert [len(place.store.permits.of_run("default", run.facts.run_id)) for run in runs] == [1, 1, 1]


def test_a_key_that_others_can_read_ends_the_signer_and_up(place: Workspace, repo: Path) -> None:
    assert main(["keys", "export"]) == 0
    key_file(repo).chmod(0o644)
    ended = spawn("up", "--serve", "nothing", cwd=repo)
    assert ended.code == 2
    assert "others than its owner can read it" in ended.err
    assert "starting it again would not help" in ended.out
    key_file(repo).chmod(0o600)


def test_doctor_says_who_signs(place: Workspace, repo: Path, run: Run) -> None:
    assert "none runs on this machine" in said_of_the_signer(run)
    with program("signer", cwd=repo) as signer:
        signer.until("^signer: ready")
        assert "a process of its own signs permits, and runs" in said_of_the_signer(run)
    (repo / "pyproject.toml").write_text("[tool.govflow]\n")
    assert "signer=embedded" in said_of_the_signer(run)
    key_file(repo).chmod(0o604)
    assert "mode 0604" in said_of_the_signer(run)


def said_of_the_signer(run: Run) -> str:
    checks: list[dict[str, str]] = run("doctor", "--format", "json").json["checks"]
    return next(check["what"] for check in checks if check["name"] == "signer")


def secrets_of(file: Path) -> list[bytes]:
    """The private key in the forms in which it could turn up."""
    pem = file.read_bytes()
    seed = SigningKey.from_pem(pem, "here").signer().private_bytes_raw()
    spelled = [base64.b64encode(seed).rstrip(b"="), base64.urlsafe_b64encode(seed).rstrip(b"=")]
    return [seed, seed.hex().encode(), *spelled, pem.splitlines()[1]]


@pytest.mark.covers("S4-33")
def test_the_private_key_is_found_nowhere_but_in_its_file(
    place: Workspace, repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVFLOW_DEBUG", "1")
    shown: list[str] = []
    with program("signer", cwd=repo) as signer:
        signer.until("^signer: ready")
        governed = opened(place)
        issue_permit(place, asked(place, governed), wait=60)
        forged = asked(place, governed, mode="observe")
        with pytest.raises(Exception, match="does not sign") as refused:
            issue_permit(place, forged, wait=60)
        shown.append(repr(refused.value))
        old = secrets_of(key_file(repo))
        for words in (
            ("keys", "list"),
            ("keys", "export"),
            ("permits", "list"),
            ("permits", "show", governed.facts.run_id),
            ("keys", "rotate", "--as", "bob"),
            ("doctor",),
            ("audit", "verify"),
        ):
            result = run(*words)
            shown += [result.out, result.err]
        key_file(repo).chmod(0o640)
        result = run("keys", "rotate")
        assert result.code == 2
        shown += [result.out, result.err]
        key_file(repo).chmod(0o600)
    shown += signer.said
    place.store.flush()
    new = secrets_of(key_file(repo))
    haystack = {path: path.read_bytes() for path in repo.parent.rglob("*") if path.is_file() and path != key_file(repo)}
    haystack[Path("said")] = "\n".join(shown).encode()
    assert any(path.name == "gov.db" for path in haystack)
    found = [path for path, data in haystack.items() for secret in (*old, *new) if secret in data]
    assert found == []
    assert any(secret in key_file(repo).read_bytes() for secret in new), "what is looked for can be found"
