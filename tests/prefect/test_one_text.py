"""Every kind of stop, on a real server: its state, the terminal, the console and REST say one sentence.

Stops that other tests bring about are looked at there, with the same two functions.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.cli.app import main
from govflow.console.forms import HEADER
from govflow.errors import PermitRefused, PolicyError, Refused, SignerAbsent, StepMissing
from govflow.governor.explain import question
from govflow.services.explain_run import PENDING
from govflow.services.signer import serve
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from govflow.store import Store
from tests.console.conftest import Browser
from tests.prefect.conftest import Home
from tests.prefect.one_text import Reader, explained, of_state, said_everywhere, same_everywhere
from tests.prefect.people import PATIENCE, Background, pending, until, vote

SOURCE = """
from pathlib import Path
from govflow.prefect import flow, task

@task(action="data:delete", resource="table://flights")
def purge(marker: str) -> str:
    Path(marker).write_text("ran")
    return "purged"

@task(action="email:send")
def mail() -> None:
    pass

@flow
def clean(marker: str) -> str:
    return purge(marker)

@flow
def post() -> None:
    mail()
"""

ELSEWHERE = """
from govflow.prefect import flow, task
from tests.prefect.sent import SendingTaskRunner

RAN = []

@task
def once() -> None:
    RAN.append(1)

@flow(task_runner=SendingTaskRunner())
def sends() -> None:
    once.submit().wait()
"""

LEFT_OUT = """
from govflow.prefect import flow, task

@task
def first() -> int:
    return 1

@task
def second() -> int:
    return 2

@flow
def both(between) -> None:
    first()
    with between:
        between.go()
        second()
"""

UNANSWERED = """
from govflow.prefect import flow, task

RAN = []

@task(action="data:delete", resource="table://flights", approval="nobody-wrote-this-rule")
def purge() -> None:
    RAN.append(1)

@flow
def clean() -> None:
    purge()
"""

POLICY = """\
version: 1
policy:
  name: test
  rules:
    - {name: no-mail, effect: deny, actions: ["email:send"], priority: 1}
    - {name: ask-for-risk, effect: require_approval, actions: ["*"], conditions: {step.tier: {gte: 2}}, approval: one}
    - {name: allow-the-rest, effect: allow, actions: ["*"]}
approvals:
  one: {required: 1, approvers: ["*"], ttl_seconds: TTL}
"""


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    home.configure(policy=POLICY.replace("TTL", "600"), mode="enforce")
    with home.store() as store:
        yield store


@pytest.mark.covers("B-12")
def test_a_question_says_the_same_in_state_and_page(
    home: Home, store: Store, client: SyncPrefectClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Background(home.load(SOURCE).clean, str(tmp_path / "marker"))
    (request,) = pending(store)
    run_id = request.binding.run_id
    state = until(lambda: (s := client.read_flow_run(UUID(run_id)).state) and s.is_paused() and s, "paused")
    sentence = question(store.approvals.get(request.request_id))
    assert state.message == sentence
    assert said_everywhere(run_id, sentence, capsys)["code"] == PENDING
    shown = explained(run_id, capsys)
    assert "it waits for an answer" in shown and sentence in shown
    for said in ("ask-for-risk", "who may approve", "until", PENDING, "govflow approvals approve"):
        assert said in shown, said
    vote(store, request, "bob")
    assert run.join() == "purged"
    assert "it is done" in (done := explained(run_id, capsys)) and "nothing stopped it" in done


def _deny(store: Store, request: ApprovalRequest) -> None:
    vote(store, request, "bob", "deny", "the backup is missing")


def _revoke(store: Store, request: ApprovalRequest) -> None:
    now = datetime.now(UTC)
    store.approvals.move(request.request_id, RequestState.REVOKED, now, "not needed any more", "approval.revoked")


def _expire(store: Store, request: ApprovalRequest) -> None:
    """Nobody has answered, and whoever sweeps has a later clock."""
    store.approvals.expire_due(request.expires_at)


@pytest.mark.covers("B-12")
@pytest.mark.parametrize("ending", [_deny, _revoke, _expire])
def test_an_answer_that_stops_a_run_says_the_same_everywhere(
    home: Home,
    store: Store,
    client: SyncPrefectClient,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    ending: Callable[[Store, ApprovalRequest], None],
) -> None:
    run = Background(home.load(SOURCE).clean, str(tmp_path / "marker"))
    (request,) = pending(store)
    ending(store, request)
    run.end()
    assert run.error is not None
    same_everywhere(request.binding.run_id, run.error, capsys)


def _drift(home: Home) -> Any:
    first = home.load(SOURCE)
    with suppress(Refused):
        first.post()  # the first plan that is seen is the one to compare with
    return home.load(SOURCE.replace("    mail()\n", "    mail()\n    mail()\n"))


def _other_source(home: Home) -> Any:
    module = home.load(SOURCE)
    home.write("project_flow.py", SOURCE.replace('"email:send"', '"task:execute"'))
    return module


def _no_plan(home: Home) -> Any:
    home.configure(environment="production")
    return home.load(SOURCE)


@pytest.mark.covers("B-12")
@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda home: home.load(SOURCE), "denied"),
        (_drift, "plan-drift"),
        (_other_source, "unbound"),
        (_no_plan, "plan-not-approved"),
    ],
)
def test_a_run_that_is_stopped_before_its_first_line_says_the_same_everywhere(
    home: Home,
    store: Store,
    client: SyncPrefectClient,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[Home], Any],
    code: str,
) -> None:
    module = prepare(home)
    with pytest.raises(Refused) as caught:
        module.post()
    assert caught.value.code == code
    refused = [body for body in home.events() if body["event"] == "run.refused"]
    run_id = refused[-1]["run_id"]
    same_everywhere(run_id, caught.value, capsys)
    if code == "plan-drift":
        assert "mail#2" in explained(run_id, capsys), "the difference is on the page"


ALONE = POLICY.replace("TTL", "600").replace("one: {", 'one: {break_glass: {approvers: ["user:carol"]}, ')


@pytest.mark.covers("B-12")
def test_who_may_not_break_the_glass_is_told_the_same_everywhere_and_the_run_waits_on(
    home: Home, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.configure(policy=ALONE)
    run = Background(home.load(SOURCE).clean, str(tmp_path / "marker"))
    (request,) = pending(store)
    question_of_run = question(store.approvals.get(request.request_id))
    until(lambda: of_state(request.binding.run_id) == question_of_run, "the state asks")
    words = "the site is down, nobody answers"
    capsys.readouterr()
    assert main(["approvals", "break-glass", request.request_id, "--as", "reader", "--reason", words]) != 0
    at_terminal = " ".join(capsys.readouterr().err.split())
    with Reader() as client:
        path = f"/requests/{request.request_id}"
        answer = Browser(client).post(f"{path}/break-glass", path, reason=words).text
        form = re.search(r'name="form_token" value="(\w+)"', client.get("/delegations").text)
        assert form is not None
        own = {HEADER: form[1], "sec-fetch-site": "same-origin"}
        rest = client.post(f"/api/v1{path}/break-glass", json={"reason": words}, headers=own)
    told = rest.json()
    assert (rest.status_code, told["code"]) == (403, "not-eligible")
    for said in (" ".join(unescape(answer).split()), at_terminal):
        assert all(told[part] in said for part in ("code", "message", "mend")), said
    assert of_state(request.binding.run_id) == question_of_run
    assert said_everywhere(request.binding.run_id, question_of_run, capsys)["code"] == PENDING
    vote(store, request, "bob", "deny", "wait for the backup")
    run.end()
    assert run.error is not None
    same_everywhere(request.binding.run_id, run.error, capsys)


def _last_refused(home: Home, event: str = "run.refused") -> str:
    """The run of the newest record of that kind."""
    return str([body for body in home.events() if body["event"] == event][-1]["run_id"])


@pytest.mark.covers("B-12")
def test_a_run_whose_permit_nobody_signs_says_the_same_everywhere(
    home: Home, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    home.configure(signer="process")
    module = home.load(ELSEWHERE)
    with pytest.raises(SignerAbsent) as caught:
        module.sends()
    assert module.RAN == []
    same_everywhere(_last_refused(home), caught.value, capsys)


@pytest.mark.covers("B-12")
def test_a_run_whose_permit_the_signer_refuses_says_the_same_everywhere(
    home: Home, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody changes what is asked for, on its way to the signer."""
    home.configure(signer="process")
    module = home.load(ELSEWHERE)
    with closing(sqlite3.connect(home.path / "govflow.db")) as database, database:
        database.execute(
            "CREATE TRIGGER forge AFTER INSERT ON permit_request BEGIN UPDATE permit_request SET document ="
            """ replace(document, '"mode":"enforce"', '"mode":"observe"') WHERE request_id = NEW.request_id; END"""
        )
    stop, ready = threading.Event(), threading.Event()
    signer = open_workspace(load_settings())
    serving = threading.Thread(target=serve, args=(signer, stop, lambda _: ready.set()))
    serving.start()
    try:
        assert ready.wait(PATIENCE)
        with pytest.raises(PermitRefused) as caught:
            module.sends()
    finally:
        stop.set()
        serving.join()
        signer.close()
    assert module.RAN == []
    same_everywhere(_last_refused(home), caught.value, capsys)


class Swallows:
    """A value that ends the block that it is in, and says nothing of it."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> bool:
        return True

    def go(self) -> None:
        raise ValueError("enough")


@pytest.mark.covers("B-12")
def test_a_run_that_left_out_a_step_says_the_same_everywhere(
    home: Home, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StepMissing) as caught:
        home.load(LEFT_OUT).both(Swallows())
    same_everywhere(_last_refused(home, "run.closed"), caught.value, capsys)


@pytest.mark.covers("B-12")
def test_a_question_that_could_not_be_answered_says_the_same_everywhere(
    home: Home, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    module = home.load(UNANSWERED)
    with pytest.raises(PolicyError) as caught:
        module.clean()
    assert module.RAN == []
    same_everywhere(_last_refused(home, "step.refused"), caught.value, capsys)
