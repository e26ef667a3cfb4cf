"""A run that has ended is begun again, or is said to have ended otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import ModuleType

from prefect.states import AwaitingRetry, Completed, Scheduled

from govflow.prefect.run_reading import read_runs
from govflow.prefect.runtime import RUNTIME
from govflow.services.reconcile_runs import logged_since, reconcile_runs
from tests.prefect.people import vote
from tests.prefect.routes.bench import Attempt, Bench
from tests.prefect.routes.table import Seen, route

AGAIN = "A run that has ended"


def _denied(bench: Bench, text: str = "") -> tuple[Attempt, ModuleType]:
    module = bench.module(text)
    attempt = bench.start(module.clean)
    vote(bench.store, attempt.asked(), "bob", "deny", "not today")
    attempt.end()
    assert attempt.state().name == "ApprovalDenied"
    return attempt, module


def _approved(bench: Bench) -> tuple[Attempt, object]:
    module = bench.module()
    attempt = bench.start(module.clean)
    assert attempt.seen().approved == "runs"
    return attempt, module.clean


EXECUTE = """
if __name__ == "__main__":
    import sys
    from uuid import UUID
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(sys.argv[1]))
    run_flow(clean, flow_run=run, parameters={"marker": sys.argv[2]})
"""


@route(
    AGAIN,
    "retry button",
    "a denied run is set AwaitingRetry, with force, as the UI's button does, and a new process executes it",
    "the step asks again: a retry by hand is a new attempt",
)
def retry(bench: Bench) -> Seen:
    attempt, module = _denied(bench, EXECUTE)
    bench.client.set_flow_run_state(attempt.run_id, AwaitingRetry(), force=True)
    bench.process(f"{module.__name__}.py", str(attempt.run_id), str(attempt.marker))
    return Attempt(bench, attempt.run_id, attempt.marker, None).seen()


@route(
    AGAIN,
    "restart",
    "a run that was approved and has succeeded is set SCHEDULED, with force, and is executed again",
    "its approval is used up: the step asks again and says that it has run already",
)
def restart(bench: Bench) -> Seen:
    attempt, flow = _approved(bench)
    bench.client.set_flow_run_state(attempt.run_id, Scheduled(), force=True)
    return bench.again(flow, attempt).seen()


@route(
    AGAIN,
    "rerun",
    "another run of the same flow with the same parameters, after an approved one",
    "an approval is for one run",
)
def rerun(bench: Bench) -> Seen:
    attempt, flow = _approved(bench)
    other = bench.start(flow, attempt.marker)
    other.before = 1
    return other.seen()


@route(
    AGAIN,
    "`set_state` COMPLETED, with force",
    "a denied run is set COMPLETED by the API",
    "no body runs. Prefect shows a success, which nothing can prevent: `govflow reconcile` finds it (GF602)",
)
def completed(bench: Bench) -> Seen:
    since = datetime.now(UTC) - timedelta(seconds=30)
    attempt, _ = _denied(bench)
    bench.client.set_flow_run_state(attempt.run_id, Completed(), force=True)
    workspace = RUNTIME.workspace()
    reconcile_runs(workspace, read_runs(since, logged_since(workspace, since)), datetime.now(UTC))
    return attempt.seen()
