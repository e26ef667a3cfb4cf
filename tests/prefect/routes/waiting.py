"""A run waits for approval in a live process, and somebody lets it go on without one."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import orjson
from prefect.client.schemas.objects import State, StateType
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed, Pending, Running, Scheduled

from tests.prefect.people import token, until
from tests.prefect.routes.bench import Attempt, Bench
from tests.prefect.routes.table import Seen, route

WAITING = "A run that waits in a live process"


def _waiting(bench: Bench) -> Attempt:
    attempt = bench.start(bench.module().clean)
    attempt.asked()
    return attempt


def _said(result: Any) -> str:
    return f" (Prefect answers {result.status.value})"


def _resumed(bench: Bench, answer: dict[str, str] | None) -> Seen:
    attempt = _waiting(bench)
    said: Any = bench.client.resume_flow_run(attempt.run_id, run_input=answer)
    if said.status.value == "ACCEPT":
        attempt.logged("ir.approval_invalid")
        attempt.asked()
    return attempt.seen(_said(said))


@route(WAITING, "control", "another person approves", "nothing: this is how a body runs")
def approved(bench: Bench) -> Seen:
    return _waiting(bench).seen()


@route(
    WAITING,
    "UI Resume, empty",
    "the Resume form, sent without a word in it",
    "the form's fields are required: Prefect's server refuses the call",
)
def empty(bench: Bench) -> Seen:
    return _resumed(bench, {})


@route(
    WAITING,
    "UI Resume, wrong token",
    "the Resume form with a token that somebody made up",
    "the token is looked up in the store; the run pauses again and says that the answer was refused",
)
def wrong_token(bench: Bench) -> Seen:
    return _resumed(bench, {"token": "gfa_made_up", "decision": "approve", "reason": "go"})


@route(
    WAITING,
    "UI Resume, replayed token",
    "the Resume form with a token that has let another run go on",
    "a token is for one request and one vote",
)
def replayed_token(bench: Bench) -> Seen:
    first = _waiting(bench)
    answer = {"token": token(bench.store, first.asked(), "bob"), "decision": "approve", "reason": "fine"}
    bench.client.resume_flow_run(first.run_id, run_input=answer)
    first.end()
    assert first.lines() == 1
    return _resumed(bench, answer)


@route(
    WAITING,
    "REST resume",
    "`POST /flow_runs/{id}/resume` without a body",
    "Prefect's server wants the form's fields here as well",
)
def rest_resume(bench: Bench) -> Seen:
    attempt = _waiting(bench)
    said = httpx.post(f"{PREFECT_API_URL.value()}/flow_runs/{attempt.run_id}/resume").json()
    return attempt.seen(f" (Prefect answers {said['status']})")


def _set(bench: Bench, state: State[Any], *, force: bool) -> Seen:
    attempt = _waiting(bench)
    said: Any = bench.client.set_flow_run_state(attempt.run_id, state, force=force)
    if said.status.value == "ACCEPT":
        attempt.logged("ir.approval_invalid")
        attempt.asked()
    return attempt.seen(_said(said))


def _ended(bench: Bench, *, force: bool) -> Seen:
    attempt = _waiting(bench)
    said: Any = bench.client.set_flow_run_state(attempt.run_id, Completed(), force=force)
    attempt.end()
    return attempt.seen(_said(said))


def _by_force(name: str, tried: str, stops: str, play: Callable[..., Seen]) -> None:
    for force, how in ((False, "without force"), (True, "with force")):
        route(WAITING, f"`set_state` {name}, {how}", tried, stops)(functools.partial(play, force=force))


_by_force(
    "RUNNING",
    "the state is set to RUNNING by the API",
    "a state is no approval: the gate finds no answer, puts that on record and pauses the run again",
    lambda bench, force: _set(bench, Running(), force=force),
)
_by_force(
    "SCHEDULED",
    "the state is set to SCHEDULED by the API, so that a worker takes the run up",
    "as with RUNNING: it is put on record, and the waiting process pauses the run again before a worker takes it up",
    lambda bench, force: _set(bench, Scheduled(), force=force),
)
_by_force(
    "PENDING",
    "the state is set to PENDING by the API, as a worker does that takes the run up",
    "Prefect's rules know no such change of a paused run. Where it is forced: as with RUNNING",
    lambda bench, force: _set(bench, Pending(), force=force),
)
_by_force(
    "COMPLETED",
    "the state is set to COMPLETED by the API",
    "the waiting process withdraws the request and ends the run as what it is",
    _ended,
)


@route(
    WAITING,
    "planted run input",
    "an answer is written to the run's input by the API, then the state is forced to RUNNING",
    "what lies there is read, deleted and judged as any answer: its token is unknown",
)
def planted(bench: Bench) -> Seen:
    attempt = _waiting(bench)
    key = attempt.state().state_details.run_input_keyset
    assert key is not None
    answer = {"token": "gfa_planted", "decision": "approve", "reason": "x"}
    bench.client.create_flow_run_input(attempt.run_id, key["response"], orjson.dumps(answer).decode())
    said: Any = bench.client.set_flow_run_state(attempt.run_id, Running(), force=True)
    attempt.logged("ir.approval_invalid")
    attempt.asked()
    return attempt.seen(_said(said))


def _automated(bench: Bench, **action: Any) -> tuple[Attempt, str]:
    """An automation acts on a waiting run when an event is sent; what became of its action."""
    attempt = _waiting(bench)
    url = PREFECT_API_URL.value()
    name = f"routes.{uuid4().hex[:8]}"
    trigger = {"type": "event", "posture": "Reactive", "expect": [name], "threshold": 1, "within": 0}
    automation = {"name": name, "trigger": trigger, "actions": [action]}
    made = httpx.post(f"{url}/automations/", json=automation).raise_for_status().json()
    asked = itertools.count()

    def acted() -> str | None:
        # The server takes a new automation up some time after it has answered, and lets go by what comes before that.
        if next(asked) % 100 == 0:
            event = {
                "id": str(uuid4()),
                "occurred": datetime.now(UTC).isoformat(),
                "event": name,
                "resource": {"prefect.resource.id": f"prefect.flow-run.{attempt.run_id}"},
            }
            httpx.post(f"{url}/events", json=[event]).raise_for_status()
        return _action_ended(url or "", made["id"])

    return attempt, str(until(acted, "the automation has acted"))


def _action_ended(url: str, automation: str) -> str | None:
    wanted = {
        "event": {"name": ["prefect.automation.action.executed", "prefect.automation.action.failed"]},
        "resource": {"id": [f"prefect.automation.{automation}"]},
    }
    found = httpx.post(f"{url}/events/filter", json={"filter": wanted}).raise_for_status().json()["events"]
    return str(found[0]["event"].rpartition(".")[2]) if found else None


@route(
    WAITING,
    "automation, resume-flow-run",
    "an automation of the server resumes the run on an event that anybody may send",
    "Prefect's server wants the form's fields: the action fails",
)
def automation_resumes(bench: Bench) -> Seen:
    attempt, ended = _automated(bench, type="resume-flow-run")
    return attempt.seen(f" (the action {ended})")


@route(
    WAITING,
    "automation, change-flow-run-state",
    "an automation of the server sets the run RUNNING",
    "a state is no approval, whoever sets it",
)
def automation_sets(bench: Bench) -> Seen:
    attempt, ended = _automated(bench, type="change-flow-run-state", state=StateType.RUNNING.value)
    attempt.logged("ir.approval_invalid")
    attempt.asked()
    return attempt.seen(f" (the action {ended})")
