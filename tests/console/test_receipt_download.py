"""The receipt of a run over REST and on its page: the same rights, the same file, clear words where there is none."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from govflow.audit.body import parse_body
from govflow.services import make_receipt as maker
from govflow.services.key_files import signing_key_file
from govflow.services.make_receipt import make_receipt
from govflow.services.seal_log import seal, verifier_keys
from govflow.services.workspace import Workspace
from tests.console.api_place import a_place, client_of, now
from tests.services.receipts import SECRET, verified_alone, write_plain_run, write_run

ROUTE = "/api/v1/runs/one/receipt"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("HOME", str(tmp_path))  # the key lies there
    workspace = a_place(tmp_path)
    yield workspace
    workspace.close()


@pytest.fixture
def bob(place: Workspace) -> TestClient:
    return client_of(place, "bob")


@pytest.mark.covers("B-07")
def test_the_file_is_verified_by_a_stranger(place: Workspace, bob: TestClient, tmp_path: Path) -> None:
    write_run(place, "one")
    seal(place, now())
    answer = bob.get(ROUTE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="one.receipt.json"'
    assert answer.headers["cache-control"] == "no-store"
    code, words = verified_alone(tmp_path / "auditor", answer.content, verifier_keys(place))
    assert (code, words.split(":")[0]) == (0, "verified"), words
    assert answer.text == make_receipt(place, "one", now()), "the terminal writes the same"
    issued = [parse_body(entry.body) for entry in place.store.tail("default", 2)]
    assert [(body["event"], body["subject"], "run_id" in body) for body in issued] == [
        ("receipt.issued", "bob", False),
        ("receipt.issued", place.requester().name, False),
    ]
    assert {body["payload"]["run"] for body in issued} == {"one"}
    assert SECRET not in words


def test_without_a_key_nobody_reads_it(place: Workspace) -> None:
    write_run(place, "one")
    seal(place, now())
    nobody = client_of(place, None)
    assert nobody.get(ROUTE).status_code == 401
    page = nobody.get("/runs/one/receipt", follow_redirects=False)
    assert (page.status_code, "/sign-in" in page.headers["location"]) == (303, True)


def test_what_is_not_sealed_yet_is_said_and_asking_seals_nothing(place: Workspace, bob: TestClient) -> None:
    write_run(place, "one")
    before = place.store.head("default").size
    answer = bob.get(ROUTE)
    assert (answer.status_code, answer.json()["code"]) == (409, "no-receipt")
    assert set(answer.json()) == {"code", "message", "mend"} and "No checkpoint covers" in answer.json()["message"]
    assert "content-disposition" not in answer.headers
    assert place.store.seals.newest("default") is None
    assert not signing_key_file(place.settings).exists(), "a reader makes no key"
    assert place.store.head("default").size == before
    seal(place, now())
    assert bob.get(ROUTE).status_code == 200
    write_run(place, "one")  # it goes on
    assert bob.get(ROUTE).json()["code"] == "no-receipt"


def test_unknown_runs_and_those_of_others_are_not_there(place: Workspace, bob: TestClient) -> None:
    write_run(place, "one", "acme")
    write_plain_run(place, "two")
    seal(place, now())
    for path in (ROUTE, "/api/v1/runs/three/receipt", "/api/v1/runs/a%2Fb/receipt"):
        answer = bob.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "request"), path
    assert bob.get("/api/v1/runs/two").json()["run_id"] == "two", "the run itself keeps its address"


def test_where_the_key_is_not_it_says_who_has_it(place: Workspace, bob: TestClient) -> None:
    write_run(place, "one")
    seal(place, now())
    file = signing_key_file(place.settings)
    os.rename(file, file.with_name("elsewhere"))
    answer = bob.get(ROUTE)
    assert (answer.status_code, answer.json()["code"]) == (409, "no-receipt")
    assert "govflow receipt make one" in answer.json()["mend"]
    assert not file.exists()


def test_more_records_than_one_holds_are_no_smaller_receipt(
    place: Workspace, bob: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(place, "one")
    seal(place, now())
    monkeypatch.setattr(maker, "_MOST", 8)
    answer = bob.get(ROUTE)
    assert (answer.status_code, answer.json()["code"]) == (409, "no-receipt")
    assert "more than 8 records" in answer.json()["message"]


def test_the_name_of_the_file_is_plain_whatever_the_run_is_called(place: Workspace, bob: TestClient) -> None:
    write_run(place, 'a"b/../c\u00e9')
    seal(place, now())
    answer = bob.get("/api/v1/runs/a%22b%2F..%2Fc%C3%A9/receipt")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="a-b-..-c.receipt.json"'
    assert json.loads(answer.content)["payloadType"] == "application/vnd.in-toto+json"
