"""What waiting for people costs: from a decision to the body, and hundreds of runs that wait at once.

A decision is a vote at a terminal, as ``govflow approvals approve`` casts it over a connection of its own, the Resume
form of Prefect's page, by the call that the form makes, or an answer in the console, which runs in a process of its
own: the form of a request's page, and REST. Its time begins when it is sent and ends when the approved body runs: in
between the waiting process sees the answer, sets the run Running in Prefect, claims the approval, and makes its intent
durable.

Runs that wait are real flow runs on one Prefect server with SQLite, each in a thread of one of five processes, which
share one store; a process for each would need more memory than a small machine has. There are 200 of them, or as many
as the command says: ``python -m benchmarks approvals 1000``; with 0 only decisions are measured. How long that takes is
a matter of Prefect's server, which starts one run or two a second on two cores; on SQLite fewer, and for so many it
wants PostgreSQL, which Prefect's own setting PREFECT_SERVER_DATABASE_CONNECTION_URL names.

Counted are the requests that Prefect's client sends over HTTP, the
statements that the store executes, and the CPU time of the five processes while nothing happens; not what Prefect's own
threads do without a request (heartbeats go over a WebSocket), nor the server's time. Then all are approved in one go.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from benchmarks.console_process import MACHINE, console
from benchmarks.report import Result, median_with_interval
from benchmarks.server import prefect_server
from benchmarks.waiting_runs import in_background

RESUMES = 25
WARM_UP = 2
GOAL_MEDIAN, GOAL_LONGEST = 0.2, 1.0  # seconds
WAITING = 200
PROCESSES = 5
AT_ONCE = 8  # runs on their way to their question; with more, Prefect's SQLite says 503, and the client backs off
GIVE_UP = 45.0  # seconds without another run: the last ones are in the back-off of Prefect's client
QUIET = 70.0  # seconds for which nothing happens; longer than the longest pause between two looks at Prefect
PATIENCE = 900.0  # seconds for one step of the way: the start of a few runs, the end of all


def run(waiting: int = WAITING) -> list[Result]:
    """Measure the resume of a paused run, and what so many paused runs ask for."""
    with prefect_server() as home:
        url = f"sqlite:///{home / 'govflow.db'}"
        policy = home / "policy.yaml"
        policy.write_text(_POLICY)
        os.environ.update(GOVFLOW_DATABASE_URL=url, GOVFLOW_POLICY=str(policy), GOVFLOW_PRINCIPAL="bench")
        from govflow.prefect.runtime import RUNTIME
        from govflow.store import Store

        with Store.open(url) as people, console() as answering:
            results = [
                *_resumes(people, "vote to body", _approve),
                *_resumes(people, "Resume form to body", _form(people)),
                *_resumes(people, "console's form to body", answering.form),
                *_resumes(people, "REST to body", answering.rest),
                *(_waiting(people, waiting) if waiting else ()),
            ]
        RUNTIME.reload()
        return results


_POLICY = f"""\
version: 1
policy:
  name: benchmark
  rules:
    - {{name: ask, effect: require_approval, actions: ["data:delete"], approval: one}}
    - {{name: allow-the-rest, effect: allow, actions: ["*"]}}
approvals:
  one: {{required: 1, approvers: ["*", "user:{MACHINE}"], ttl_seconds: 86400}}
"""

Answer = Callable[[Any, Any], Callable[[], None]]
"""From the store and a request to what gives the answer; only the latter is measured."""


def _resumes(people: Any, what: str, answer: Answer) -> list[Result]:
    from benchmarks.approvals_flow import WENT_ON, wait_once

    took = []
    for number in range(WARM_UP + RESUMES):
        name = f"{what}-{number}"
        thread = in_background(wait_once, name)
        (request,) = _until(lambda: _pending(people, 2), every=0.2)
        time.sleep(1.0)  # the question stands, and everything is quiet again
        give = answer(people, request)
        start = time.perf_counter()
        give()
        thread.join(PATIENCE)
        if number >= WARM_UP:
            took.append(WENT_ON[name] - start)
    median, low, high = median_with_interval(took)
    detail = {"low": round(low, 4), "high": round(high, 4), "resumes": RESUMES}
    return [
        Result(f"paused run: {what}, median", median, "s", GOAL_MEDIAN, detail=detail),
        Result(f"paused run: {what}, longest", max(took), "s", GOAL_LONGEST, detail={"resumes": RESUMES}),
    ]


def _waiting(people: Any, runs: int) -> list[Result]:
    began = time.perf_counter()
    with _processes() as processes:
        started = waiting = 0
        changed = time.monotonic()
        while waiting < runs and time.monotonic() - changed < GIVE_UP:
            for number in range(started, min(waiting + AT_ONCE, runs)):
                process = processes[number % PROCESSES]
                process.tell(f"start waiting-{number} 1")
                process.hear()
                started += 1
            now = len(_pending(people, 2 * runs))
            if now == waiting:
                time.sleep(0.2)
            else:
                waiting, changed = now, time.monotonic()
        all_wait = time.perf_counter() - began
        time.sleep(10.0)  # the feeds of events are had, and the last question stands
        for process in processes:
            process.tell(f"count {QUIET}")
        counted = _heard(processes)
        began = time.perf_counter()
        for request in _pending(people, 2 * runs):
            _approve(people, request)()
        ran = _until(lambda: _ran(processes, waiting), every=0.2)
    detail = {
        "runs": waiting,
        "started": started,
        "processes": PROCESSES,
        "seconds": QUIET,
        "until_all_wait_s": round(all_wait, 1),
        "run": ran,
        "all_approved_and_run_s": round(time.perf_counter() - began, 1),
    }
    what = f"{waiting:,} waiting runs"
    total = {name: sum(one[name] for one in counted) / QUIET for name in counted[0]}
    most = max(one["looks"] for one in counted) / QUIET
    return [
        Result(f"{what}: requests to Prefect", total["requests"], "1/s", 10, detail=detail),
        Result(f"{what}: statements that read a table", total["statements"], "1/s", 10, detail=detail),
        Result(f"{what}: looks of one process whether anything was written", most, "1/s", 25, detail=detail),
        Result(f"{what}: CPU of all processes", total["cpu"], "cores", detail=detail),
    ]


class _Process:
    """Some of the runs."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.waiting_runs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tell(self, words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, float]:
        assert self._process.stdout is not None
        said: dict[str, float] = json.loads(self._process.stdout.readline())
        return said

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def _ran(processes: Sequence[_Process], all_of_them: int) -> int:
    """How many bodies ran, once all did; 0 before."""
    for process in processes:
        process.tell("ran")
    ran = sum(int(one["ran"]) for one in _heard(processes))
    return ran if ran >= all_of_them else 0


def _heard(processes: Sequence[_Process]) -> list[dict[str, float]]:
    return [process.hear() for process in processes]


@contextmanager
def _processes() -> Iterator[list[_Process]]:
    processes = [_Process() for _ in range(PROCESSES)]
    try:
        yield processes
    finally:
        for process in processes:
            process.end()


def _until(found: Callable[[], Any], *, every: float) -> Any:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(every)
    raise TimeoutError("The runs did not come to wait.")


def _pending(people: Any, limit: int) -> list[Any]:
    from govflow.approval.models import RequestState

    found: list[Any] = people.approvals.list("default", RequestState.PENDING, limit)
    return found


def _approve(people: Any, request: Any) -> Callable[[], None]:
    from govflow.approval.models import VoteDecision
    from govflow.approval.rules import judge_vote

    def give() -> None:
        selectors, now = frozenset({"user:bob"}), datetime.now(UTC)
        people.approvals.vote(
            request.request_id, "bob", selectors, "benchmark", VoteDecision.APPROVE, "yes", now, judge_vote
        )

    return give


def _form(people: Any) -> Answer:
    """As the Resume form of Prefect's page: ``POST /flow_runs/{id}/resume`` with what was typed."""
    from prefect.client.orchestration import get_client

    client = get_client(sync_client=True)

    def answer(_: Any, request: Any) -> Callable[[], None]:
        token = people.tokens.mint(
            request.request_id,
            "bob",
            selectors=frozenset({"user:bob"}),
            assurance="benchmark",
            now=datetime.now(UTC),
            random=secrets.token_bytes(32),
        )
        typed = {"token": token, "decision": "approve", "reason": "yes"}

        def give() -> None:
            client.resume_flow_run(UUID(request.binding.run_id), run_input=typed)

        return give

    return answer
