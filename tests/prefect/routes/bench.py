"""A governed project in which runs go along the routes, and one measure for all of them.

The risky body appends a line to a file of its own run. While nobody has approved, the file must not be there. Then
another person approves, and the file must have one line: that shows that the measure works, and that what was tried
before has not let the body run a second time.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments.runner import DeploymentApplyError
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.flow_engine import run_flow
from prefect.states import Completed, Failed, Pending, Running

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.audit.body import parse_body
from govflow.errors import GovflowError
from govflow.store import Store
from tests.prefect.conftest import Home
from tests.prefect.people import Background, until, vote
from tests.prefect.routes.table import Seen

_T = TypeVar("_T")
ROOT: Final = Path(__file__).resolve().parents[3]
TOLD: Final = {
    "ir.approval_created",
    "ir.approval_invalid",
    "ir.approval_expired",
    "ir.dag_diff_failed",
    "approval.vote_refused",
    "approval.voided",
    "approval.revoked",
    "approval.denied",
    "run.refused",
    "run.reconciled",
    "step.refused",
}
"""The events that say why a body did not run, or that somebody was asked."""

HEAD: Final = """
from pathlib import Path
import prefect
from govflow.prefect import flow, task

def note(marker):
    with open(marker, "a") as file:
        file.write("ran\\n")

@task(action="data:delete", resource="table://rows")
def purge(marker):
    with open(marker, "a") as file:
        file.write("ran\\n")

@flow
def clean(marker):
    purge(marker)
"""


@dataclass
class Bench:
    """A home in enforce mode whose policy asks a person about each risky step."""

    home: Home
    store: Store
    client: SyncPrefectClient
    folder: Path
    processes: ExitStack
    mark: str = field(default_factory=lambda: uuid4().hex[:8])  # names in the server are shared with other tests
    once: threading.Lock = field(default_factory=threading.Lock)
    served: str = ""  # the deployment that a runner serves, once one does
    pool: str = ""  # the pool that a worker works for, once one does
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def marker(self) -> Path:
        """Where the body of one run leaves its trace."""
        return self.folder / f"marker{next(self._numbers)}"

    def module(self, text: str = "", head: str = HEAD) -> ModuleType:
        """A project module of its own, with ``text`` behind the usual head."""
        return self.home.load(head + text, f"route_{next(self._numbers)}")

    def start(self, flow: Any, marker: Path | None = None, **parameters: Any) -> Attempt:
        """Start a run of ``flow`` in this process; its parameter ``marker`` is where its body writes."""
        marker = marker or self.marker()
        parameters = {"marker": str(marker), **parameters}
        with get_client(sync_client=True) as client:
            run = client.create_flow_run(flow, parameters=parameters)
        return Attempt(self, run.id, marker, Background(run_flow, flow, flow_run=run, parameters=parameters))

    def again(self, flow: Any, before: Attempt) -> Attempt:
        """Execute the run of an attempt once more, as a runner does with a run that is scheduled anew."""
        run = self.client.read_flow_run(before.run_id)
        parameters = {"marker": str(before.marker)}
        going = Background(run_flow, flow, flow_run=run, parameters=parameters)
        return Attempt(self, run.id, before.marker, going, before=before.lines())

    def process(self, *words: str, **settings: str) -> None:
        """Start a Python process in the project, with its settings; it is ended with the bench."""
        self.processes.enter_context(_process(self.folder, words, settings))

    def deployed(self, name: str) -> bool:
        """Whether the server has the deployment."""
        try:
            self.client.read_deployment_by_name(name)
        except ObjectNotFound:
            return False
        return True

    def deployment_run(self, name: str) -> Attempt:
        """Ask for a run of a deployment."""
        marker, found = self.marker(), self.client.read_deployment_by_name(name)
        parameters = {"marker": str(marker)}
        run = patiently(lambda: self.client.create_flow_run_from_deployment(found.id, parameters=parameters))
        return Attempt(self, run.id, marker, None)

    def asked_about(self, marker: Path) -> list[ApprovalRequest]:
        """The open questions about the body that writes to this file."""
        found = self.store.approvals.list("default", RequestState.PENDING)
        return [one for one in found if one.summary["parameters"] == {"marker": str(marker)}]

    def called(self, body: Callable[[str], Any], marker: Path) -> Seen:
        """Call something outside any flow."""
        said = "returns"
        try:
            body(str(marker))
        except GovflowError as error:
            said = f"raises {error.code}"
        return Seen(marker.exists(), f"no run: the call {said}", (), "-")

    def events(self, run_id: UUID) -> list[dict[str, Any]]:
        """What the log says of a run, from whichever process."""
        from govflow.prefect.runtime import RUNTIME

        RUNTIME.workspace().store.flush()
        bodies = (parse_body(entry.body) for entry in self.store.entries("default"))
        return [body for body in bodies if body.get("run_id") == str(run_id)]


def patiently(call: Callable[[], _T]) -> _T:
    """Ask a server again that is too busy at the moment: its database has one writer."""
    for _ in range(60):
        with suppress(PrefectHTTPStatusError, DeploymentApplyError):
            return call()
        time.sleep(1)
    return call()


@contextmanager
def _process(folder: Path, words: Sequence[str], settings: Mapping[str, str]) -> Iterator[None]:
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(folder))),
        "PREFECT_HOME": str(folder / "prefect"),
        **settings,
    }
    with (folder / f"{words[-1]}.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *words], cwd=folder, env=env, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Attempt:
    """One run on its way."""

    bench: Bench
    run_id: UUID
    marker: Path
    going: Background | None  # None where another process runs it
    before: int = 0  # how often the body had run, with approval, before this attempt

    def lines(self) -> int:
        """How often the body has run."""
        return len(self.marker.read_text().splitlines()) if self.marker.exists() else 0

    def state(self) -> State[Any]:
        """What Prefect says of the run."""
        run: FlowRun = self.bench.client.read_flow_run(self.run_id)
        assert run.state is not None
        return run.state

    def requests(self) -> list[ApprovalRequest]:
        """The open questions of the run."""
        return list(self.bench.store.approvals.pending_of_run("default", str(self.run_id)))

    def is_over(self) -> bool:
        """Whether nothing goes on any more."""
        return not self.going.running if self.going is not None else self.state().is_final()

    def end(self) -> None:
        """Wait for the end of the run, whatever it is."""
        until(self.is_over, "the run ends")

    def asked(self) -> ApprovalRequest:
        """The question of the run, once Prefect shows it."""

        def shown() -> ApprovalRequest | None:
            found = self.requests()
            return found[0] if found and self.state().is_paused() else None

        request: ApprovalRequest = until(shown, "the run asks")
        return request

    def logged(self, event: str, count: int = 1) -> None:
        """Wait for an event of this run in the log."""
        until(lambda: sum(one["event"] == event for one in self.bench.events(self.run_id)) >= count, event)

    def seen(self, answer: str = "", *, shown: bool = True) -> Seen:
        """Wait until the run is over or asks; look; have another person approve what it asks; look again.

        Args:
            answer: what Prefect's server said to what was tried, if that is of interest.
            shown: whether Prefect has to show the question.
        """
        until(
            lambda: self.is_over() or (self.requests() and (not shown or self.state().is_paused())),
            "the run ends or asks",
        )
        ran, state = self.lines() > self.before, self.state().name or ""
        log = self.told()
        requests = self.requests()
        if not requests:
            return Seen(self.lines() > self.before, f"{state}{answer}", log, "-")
        for request in requests:
            vote(self.bench.store, request, "bob")
        until(self.is_over, "the approved run ends")
        assert self.state().is_completed(), self.state()
        assert self.marker.read_text() == "ran\n" * (self.before + 1), "the planned body, once, with approval"
        return Seen(ran, f"{state}{answer}", log, "runs")

    def told(self) -> tuple[str, ...]:
        """The events that say what became of the body, each once, with their codes."""
        found: dict[str, None] = {}
        for body in self.bench.events(self.run_id):
            if body["event"] == "run.closed" and body["payload"].get("missing"):
                found["run.closed (step missing)"] = None
            elif body["event"] in TOLD:
                code = body["payload"].get("code")
                found[f"{body['event']} ({code})" if code else body["event"]] = None
        return tuple(found)

    def below(self) -> Attempt:
        """The run of the flow that this one calls."""

        def child() -> UUID | None:
            if self.is_over():
                return self.run_id
            found = self.bench.client.read_flow_runs(
                flow_run_filter=FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[self.run_id]))
            )
            return found[0].id if found else None

        return Attempt(self.bench, until(child, "a subflow"), self.marker, self.going)


class TaskAttempt(Attempt):
    """A background task on its way: a run of its own, without a flow run."""

    def state(self) -> State[Any]:
        """What Prefect says of the task run; of one that is called in this process, what its caller sees."""
        if self.going is not None:
            ended: State[Any] = Failed() if self.going.error is not None else Completed()
            return Running() if self.going.running else ended
        # The server writes the first state from an event, a moment after the run.
        return self.bench.client.read_task_run(self.run_id).state or Pending()
