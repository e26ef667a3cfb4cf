"""Receipts: made from the log, verified by one file alone, and never verified once anything of them is another."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govflow.audit import receipt_verifier as verifier
from govflow.audit.dsse import sign_envelope
from govflow.audit.record import Draft
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.errors import RequestError
from govflow.services.make_receipt import make_receipt
from govflow.services.seal_log import verifier_keys
from govflow.services.signing_keys import signing_key
from govflow.services.workspace import Workspace
from tests.servers import a_database, require_postgresql, url_of
from tests.services.material import workspace
from tests.services.receipts import NOW, SECRET, write_run


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("receipts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        if request.param == "sqlite":
            at = workspace(database_url=f"sqlite:///{folder}/gov.db")
            write_both(at)
            yield at
            at.close()
            return
        require_postgresql()
        with a_database() as name:
            at = workspace(database_url=url_of(name))
            write_both(at)
            yield at
            at.close()


def write_both(at: Workspace) -> None:
    write_run(at, "one")
    write_run(at, "two")


@pytest.fixture(scope="module")
def text(place: Workspace) -> str:
    return make_receipt(place, "one", NOW)


@pytest.fixture(scope="module")
def keys(place: Workspace, text: str) -> list[str]:
    return [str(key) for key in verifier_keys(place)]


def statement_of(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(text)["payload"]))
    return found


def signed_anew(at: Workspace, text: str, change: Callable[[dict[str, Any]], None]) -> str:
    """What the log's own key would sign if its holder had changed the statement."""
    statement = statement_of(text)
    change(statement)
    payload = json.dumps(statement, separators=(",", ":"), sort_keys=True).encode()
    key_id = json.loads(text)["signatures"][0]["keyid"]
    return sign_envelope(verifier.PAYLOAD_TYPE, payload, key_id, signing_key(at, NOW).signer())


def without(at: Workspace, text: str, event: str) -> str:
    def change(statement: dict[str, Any]) -> None:
        said = statement["predicate"]
        said["records"] = [one for one in said["records"] if json.loads(one["leaf"])["body"]["event"] != event]
        said["facts"] = verifier.facts_of([(one["seq"], json.loads(one["leaf"])["body"]) for one in said["records"]])

    return signed_anew(at, text, change)


@pytest.mark.covers("B-07")
def test_a_receipt_says_who_what_and_when_and_is_verified_against_a_checkpoint(text: str, keys: list[str]) -> None:
    verdict = verifier.judge(text, keys)
    assert verdict.outcome == "verified", verdict.words
    assert "9 records of run one" in verdict.words and "under its checkpoint of" in verdict.words
    facts = verdict.facts or {}
    (approval,) = facts["approvals"]
    votes = [(row["by"], row["at"]) for row in approval["records"] if row["event"] == "approval.vote"]
    assert votes == [("bob", "2026-03-01T12:03:00.000000Z")]
    assert facts["decisions"][0]["rule"] == "risky" and facts["diff_audit"][0]["approved_by"] == "carol"
    assert SECRET not in json.dumps(statement_of(text)), "a record only commits to a parameter"
    assert "approval.vote" in verifier.told(facts)


@pytest.mark.covers("B-07")
def test_the_verifier_alone_in_a_folder_needs_nothing_of_govflow(text: str, keys: list[str], tmp_path: Path) -> None:
    shutil.copy(verifier.__file__, tmp_path / "verify.py")
    (tmp_path / "run.json").write_text(text)
    (tmp_path / "log.key").write_text("\n".join(keys))
    lines = Path(verifier.__file__).read_text().splitlines()
    assert len(lines) < 420 and not any("import govflow" in line or "from govflow" in line for line in lines)

    def play(receipt: str, key: str) -> tuple[int, str]:
        words = [sys.executable, "-I", "verify.py", receipt, "--key", key]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    code, out = play("run.json", "log.key")
    assert code == 0 and out.startswith("verified: ") and "asked by alice (oidc)" in out
    (tmp_path / "cut.json").write_text(text[:-20])
    assert play("cut.json", "log.key")[0] == 4
    assert play("nowhere.json", "log.key")[0] == 4
    assert play("run.json", "no-key")[0] == 4


def test_a_terminal_that_cannot_spell_a_name_does_not_turn_the_verdict(tmp_path: Path) -> None:
    at = workspace(database_url=f"sqlite:///{tmp_path}/gov.db")
    write_run(at, "Zo\u00eb \u2192 1")
    signing_key(at, NOW)
    (tmp_path / "run.json").write_text(make_receipt(at, "Zo\u00eb \u2192 1", NOW))
    words = [sys.executable, verifier.__file__, "run.json", "--key", "\n".join(map(str, verifier_keys(at)))]
    plain = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": "", "PATH": ""}
    done = subprocess.run(words, cwd=tmp_path, env=plain, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "run Zo\\xeb \\u2192 1" in done.stdout, done.stderr
    reading, writing = os.pipe()
    os.close(reading)
    gone = subprocess.run(words, cwd=tmp_path, env=plain, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (gone.returncode, gone.stderr) == (0, b"")


def test_a_full_disk_does_not_turn_the_verdict(text: str, keys: list[str], tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    words = [sys.executable, verifier.__file__, "run.json", "--key", "\n".join(keys)]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(words, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("votes", "approved_by", "missing"),
    [
        ([("bob", "deny", None)], ["bob"], "the vote by bob"),
        ([("bob", "approve", None), ("bob", "approve", "withdrawn")], ["bob"], "the vote by bob"),
        ([("bob", "approve", None)], ["bob", "eve\x1b[2K"], "the vote by eve?[2K"),
        ([("bob", "approve", None)], [], "who approved"),
        ([("bob", "deny", None), ("bob", "approve", None)], ["bob"], ""),
        ([("bob", "approve", "break_glass")], ["bob"], ""),
    ],
)
def test_only_who_said_yes_and_stood_by_it_counts_as_having_approved(
    votes: list[tuple[str, str, str | None]], approved_by: list[str], missing: str, tmp_path: Path
) -> None:
    """Such a log govflow does not write; its owner could."""
    at = workspace(database_url=f"sqlite:///{tmp_path}/gov.db")

    def said(event: str, who: str, **payload: object) -> None:
        at.store.append(Draft(event, "default", NOW, who, "one", "nightly", payload=payload), durable=True)

    said("ir.validated_escalate", "alice", steps={}, ir_hash="", plan_hash="")
    for who, decision, kind in votes:
        said("approval.vote", who, request_id="r", decision=decision, **({"kind": kind} if kind else {}))
    said("approval.granted", "bob", request_id="r", approved_by=approved_by)
    verdict = verifier.judge(make_receipt(at, "one", NOW), map(str, verifier_keys(at)))
    assert verdict.outcome == ("cannot judge" if missing else "verified")
    assert missing in verdict.words and verdict.words.isprintable()
    at.close()


def changed_payload(text: str, change: Callable[[dict[str, Any]], None]) -> str:
    envelope, statement = json.loads(text), statement_of(text)
    change(statement)
    payload = json.dumps(statement, separators=(",", ":"), sort_keys=True).encode()
    envelope["payload"] = base64.b64encode(payload).decode()
    return json.dumps(envelope, indent=2) + "\n"


def test_an_altered_record_is_named(text: str, keys: list[str]) -> None:
    def change(statement: dict[str, Any]) -> None:
        record = statement["predicate"]["records"][3]
        record["leaf"] = record["leaf"].replace('"bob"', '"eve"')

    verdict = verifier.judge(changed_payload(text, change), keys)
    place = statement_of(text)["predicate"]["records"][3]["seq"]
    assert (verdict.outcome, verdict.record) == ("tampered", place)


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_of_a_byte_is_verified(text: str, keys: list[str], data: st.DataObject) -> None:
    raw = bytearray(text.encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 127))
    assert verifier.judge(raw.decode(), keys).outcome != "verified"


def places_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield (*path, name)
        yield from places_of(one, (*path, name))


@pytest.mark.parametrize("by_its_owner", [False, True])
@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_of_a_value_is_verified_not_even_by_who_holds_the_key(
    place: Workspace, text: str, keys: list[str], by_its_owner: bool, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(list(places_of(statement_of(text)))))
    value: Any = data.draw(st.sampled_from([None, True, 0, -1, "", "x", [], {}]))

    def change(statement: dict[str, Any]) -> None:
        inner: Any = statement
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = [value] if inner[path[-1]] == value and type(inner[path[-1]]) is type(value) else value

    made = signed_anew(place, text, change) if by_its_owner else changed_payload(text, change)
    assert verifier.judge(made, keys).outcome != "verified"


@pytest.mark.parametrize(
    "event", ["ir.validated_escalate", "approval.vote", "approval.granted", "ir.approval_consumed", "step.intent"]
)
def test_what_was_taken_out_is_missed_even_if_its_owner_signs_it_so(
    place: Workspace, text: str, keys: list[str], event: str
) -> None:
    verdict = verifier.judge(without(place, text, event), keys)
    assert verdict.outcome != "verified", event


def test_the_bound_is_what_the_page_says(place: Workspace, text: str, keys: list[str]) -> None:
    """An end that the owner left out rests on the owner's signature: the receipt is then one of an open run."""
    verdict = verifier.judge(without(place, text, "run.closed"), keys)
    assert verdict.outcome == "verified" and verdict.facts is not None and verdict.facts["ends"] == []


def test_a_record_of_another_run_is_named(place: Workspace, text: str, keys: list[str]) -> None:
    other = statement_of(make_receipt(place, "two", NOW))["predicate"]

    def change(statement: dict[str, Any]) -> None:
        said = statement["predicate"]
        said["records"].append(other["records"][0])
        said["checkpoint"] = other["checkpoint"]

    verdict = verifier.judge(signed_anew(place, text, change), keys)
    assert verdict.outcome == "tampered"
    assert verdict.record == other["records"][0]["seq"] and "of the run 'two'" in verdict.words


def test_a_record_of_another_tenant_is_refused(text: str, keys: list[str], tmp_path: Path) -> None:
    at = workspace(database_url=f"sqlite:///{tmp_path}/gov.db", tenant="acme")
    write_run(at, "one", "acme")
    other = make_receipt(at, "one", NOW)
    at.close()
    taken = statement_of(other)["predicate"]["records"][3]

    def change(statement: dict[str, Any]) -> None:
        statement["predicate"]["records"][3] = taken

    assert verifier.judge(changed_payload(text, change), keys).outcome == "tampered"
    assert verifier.judge(other, keys).outcome == "cannot judge", "that log has a key of its own name"


def test_another_key_judges_nothing_and_a_swapped_one_is_found(text: str, keys: list[str]) -> None:
    eve = Ed25519PrivateKey.generate()
    envelope = json.loads(text)
    name = keys[0].partition("+")[0]
    hers = VerifierKey(name, Kind.NOTE, eve.public_key().public_bytes_raw())
    assert verifier.judge(text, [str(hers)]).outcome == "cannot judge"
    assert verifier.judge(text, []).outcome == "cannot judge"
    payload = base64.b64decode(envelope["payload"])
    swapped = sign_envelope(verifier.PAYLOAD_TYPE, payload, f"{name}+{hers.key_id.hex()}", eve)
    assert verifier.judge(swapped, keys).outcome == "cannot judge"
    posing = sign_envelope(verifier.PAYLOAD_TYPE, payload, envelope["signatures"][0]["keyid"], eve)
    assert verifier.judge(posing, keys).outcome == "tampered"


def test_a_run_that_never_was_has_no_receipt(place: Workspace) -> None:
    with pytest.raises(RequestError, match="no governed run 'three'"):
        make_receipt(place, "three", NOW)
