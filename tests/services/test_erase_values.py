"""Erasing values: what goes, what stays, what is on record, and what a legal hold keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from govflow.audit.record import Draft
from govflow.audit.verify import Outcome
from govflow.errors import InputError, LegalHold, RequestError
from govflow.services.erase_values import brought_back, erasable, erase, erasures, place_hold, release_hold
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import Settings
from tests.servers import a_database, url_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CANARY = "miller-4711@example.org"


def at_home(folder: Path, url: str = "") -> Workspace:
    return open_workspace(Settings(database_url=url or f"sqlite:///{folder}/gov.db", tenant="acme"))


@pytest.fixture(params=["sqlite", "postgresql"])
def at(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("HOME", str(tmp_path))
    if request.param == "sqlite":
        with closing(at_home(tmp_path)) as opened:
            yield opened
        return
    with a_database() as name, closing(at_home(tmp_path, url_of(name))) as opened:
        yield opened


def say(at: Workspace, run_id: str, subject: str = "alice", *, durable: bool = True, **values: Any) -> None:
    given = values or {"parameters.mail": CANARY, "parameters.name": "Miller"}
    draft = Draft("step.intent", "acme", NOW, subject=subject, run_id=run_id, values=given)
    at.store.append(draft, durable=durable)


def log(at: Workspace, *events: str) -> list[dict[str, Any]]:
    return [json.loads(entry.body) for entry in at.store.entries_of("acme", events)]


def values(at: Workspace) -> list[int]:
    return [one.seq for one in at.store.values.of("acme")]


def test_the_values_of_a_run_go_and_the_log_says_so_without_them(at: Workspace) -> None:
    for run_id in ("run-1", "run-2", "run-1"):
        say(at, run_id)
    olga = at.principal("olga")
    found = erasable(at, run_id="run-1")
    assert [(one.seq, one.names) for one in found] == [(n, ("parameters.mail", "parameters.name")) for n in (0, 2)]
    assert erase(at, found, olga, "request 12", NOW) == 4
    assert values(at) == [1]
    assert erase(at, found, olga, "request 12", NOW) == 0, "nothing is left, and nothing more is recorded"
    (record,) = log(at, "value.erased")
    assert (record["subject"], record["payload"]["reason"]) == ("olga", "request 12")
    assert [one["seq"] for one in record["payload"]["records"]] == [0, 2]
    assert CANARY not in json.dumps(record)
    assert at.store.verify("acme").outcome is Outcome.VERIFIED


@pytest.mark.parametrize(
    ("wanted", "left"), [({"seq": 1}, [0, 2]), ({"subject": "bob"}, [0, 1]), ({"seq": 9}, [0, 1, 2])]
)
def test_one_record_or_one_persons_acts_can_be_chosen(at: Workspace, wanted: dict[str, Any], left: list[int]) -> None:
    for subject in ("alice", "alice", "bob"):
        say(at, "run-1", subject)
    erase(at, erasable(at, **wanted), at.principal("olga"), "asked", NOW)
    assert values(at) == left


@pytest.mark.parametrize("wanted", [{}, {"seq": 1, "run_id": "run-1"}])
def test_what_is_erased_has_to_be_said(at: Workspace, wanted: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="One record, one run or one subject"):
        erasable(at, **wanted)


def test_an_erasure_without_a_reason_is_none(at: Workspace) -> None:
    say(at, "run-1")
    with pytest.raises(RequestError, match="no reason"):
        erase(at, erasable(at, seq=0), at.principal("olga"), " ", NOW)
    assert values(at) == [0]


def test_many_records_are_erased_in_parts_each_with_its_record(at: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("govflow.services.erase_values.AT_ONCE", 2)
    for _ in range(5):
        say(at, "run-1", durable=False)
    assert erase(at, erasable(at, run_id="run-1"), at.principal("olga"), "asked", NOW) == 10
    assert [len(one["payload"]["records"]) for one in log(at, "value.erased")] == [2, 2, 1]


@pytest.mark.parametrize("durable", [True, False])
def test_no_byte_of_an_erased_value_stays_in_the_files(tmp_path: Path, durable: bool) -> None:
    with closing(at_home(tmp_path)) as at:
        say(at, "run-1", durable=durable)
        erase(at, erasable(at, run_id="run-1"), at.principal("olga"), "asked", NOW)
    left = {file.name for file in tmp_path.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()}
    assert left == set()


@pytest.mark.parametrize(
    ("held", "kept"),
    [({}, [0, 1, 2]), ({"run_id": "run-1"}, [0, 1]), ({"subject": "bob"}, [1, 2]), ({"run_id": "run-9"}, [])],
)
def test_what_is_under_a_legal_hold_is_not_erased(at: Workspace, held: dict[str, Any], kept: list[int]) -> None:
    for run_id, subject in (("run-1", "alice"), ("run-1", "bob"), ("run-2", "bob")):
        say(at, run_id, subject)
    olga, rita = at.principal("olga"), at.principal("rita")
    place_hold(at, rita, "case 12", NOW, "h-1", **held)
    for seq in range(3):
        found = erasable(at, seq=seq)
        if seq in kept:
            with pytest.raises(LegalHold, match="hold h-1 of rita: case 12"):
                erase(at, found, olga, "asked", NOW)
        else:
            erase(at, found, olga, "asked", NOW)
    assert values(at) == kept
    release_hold(at, "h-1", rita, "closed", NOW)
    assert at.store.legal_holds.in_force("acme") == []
    for seq in kept:
        erase(at, erasable(at, seq=seq), olga, "asked", NOW)
    assert values(at) == []
    placed, released = log(at, "hold.placed", "hold.released")
    assert (placed["payload"], placed.get("run_id")) == ({"hold_id": "h-1", "reason": "case 12", **held}, None)
    assert (released["subject"], released["payload"]) == ("rita", {"hold_id": "h-1", "reason": "closed"})


def test_one_record_under_a_hold_keeps_all_that_were_to_go_with_it(at: Workspace) -> None:
    for run_id in ("run-1", "run-2"):
        say(at, run_id)
    place_hold(at, at.principal("rita"), "case 12", NOW, "h-1", run_id="run-2")
    with pytest.raises(LegalHold):
        erase(at, erasable(at, subject="alice"), at.principal("olga"), "asked", NOW)
    assert values(at) == [0, 1]
    assert log(at, "value.erased") == []


def test_a_hold_of_another_tenant_holds_nothing_here(at: Workspace) -> None:
    say(at, "run-1")
    there = Draft("hold.placed", "umbrella", NOW, subject="rita", payload={"hold_id": "h-1", "reason": "theirs"})
    at.store.legal_holds.place(there)
    assert erase(at, erasable(at, seq=0), at.principal("olga"), "asked", NOW) == 2


def test_a_hold_ends_once(at: Workspace) -> None:
    rita = at.principal("rita")
    place_hold(at, rita, "case 12", NOW, "h-1")
    release_hold(at, "h-1", rita, "closed", NOW)
    with pytest.raises(RequestError, match="No legal hold 'h-1' is in force"):
        release_hold(at, "h-1", rita, "closed", NOW)
    with pytest.raises(RequestError, match="a subject, or for all"):
        place_hold(at, rita, "case 13", NOW, "h-2", run_id="run-1", subject="bob")


def test_what_a_restore_brings_back_is_erased_again(tmp_path: Path) -> None:
    with closing(at_home(tmp_path)) as at:
        say(at, "run-1")
        say(at, "run-2")
    backup = tmp_path / "backup.db"
    copyfile(tmp_path / "gov.db", backup)
    with closing(at_home(tmp_path)) as at:
        erase(at, erasable(at, run_id="run-1"), at.principal("olga"), "request 12", NOW)
        kept = list(erasures(at))
        assert brought_back(at, kept) == [], "nothing was restored"
    copyfile(backup, tmp_path / "gov.db")
    with closing(at_home(tmp_path)) as at:
        assert values(at) == [0, 1]
        found = brought_back(at, [*kept, "", *kept])
        assert [one.seq for one in found] == [0]
        assert erase(at, found, at.principal("olga"), "restored", NOW, again=True) == 2
        assert values(at) == [1]
        (record,) = log(at, "value.erased")
        assert record["payload"]["again"] is True
        assert at.store.verify("acme").outcome is Outcome.VERIFIED


def test_a_line_that_is_no_erasure_of_this_tenant_is_refused(at: Workspace) -> None:
    say(at, "run-1")
    for line in ("{}", "[]", "nonsense", '{"tenant": "acme", "records": [{"seq": 0}]}'):
        with pytest.raises(InputError, match="Line 1 names no erasure"):
            brought_back(at, [line])
    with pytest.raises(InputError, match="of the tenant 'umbrella'"):
        brought_back(at, ['{"tenant": "umbrella", "records": []}'])
    elsewhere = {"seq": 0, "writer": "another", "writer_seq": 0}
    assert brought_back(at, [json.dumps({"tenant": "acme", "records": [elsewhere]})]) == []
