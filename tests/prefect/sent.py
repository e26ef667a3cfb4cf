"""A task runner that sends every task as bytes, as Dask and process pools do, and lets a test look at what was sent.

Each task runs in a thread that has none of the flow's context. Run again after the flow has ended, the same bytes find
no open run in the process: what happens then is what happens in another process with the same settings.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import cloudpickle
from prefect.client.schemas.objects import State
from prefect.context import serialize_context
from prefect.futures import PrefectConcurrentFuture, PrefectFuture
from prefect.task_runners import TaskRunner, _run_task_in_subprocess
from prefect.utilities.engine import resolve_inputs_sync

SENT: list[bytes] = []


class SendingTaskRunner(TaskRunner[PrefectConcurrentFuture[Any]]):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Prefect's is not typed

    def duplicate(self) -> SendingTaskRunner:
        return SendingTaskRunner()

    def submit(
        self,
        task: Any,
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: Any = None,
    ) -> PrefectConcurrentFuture[Any]:
        sent = {
            "task": task,
            "task_run_id": uuid4(),
            "parameters": resolve_inputs_sync(parameters, return_data=True, max_depth=-1),
            "return_type": "state",
            "dependencies": dependencies,
            "context": serialize_context(),
        }
        data = cloudpickle.dumps(sent)
        SENT.append(data)
        done: Future[Any] = Future()
        done.set_result(arrived(data))
        return PrefectConcurrentFuture(task_run_id=sent["task_run_id"], wrapped_future=done)


def arrived(data: bytes, *, again: bool = False, task: Any = None) -> State[Any]:
    """What becomes of a task that was sent.

    Args:
        data: what was sent.
        again: as another task run.
        task: in place of the one that was sent.
    """
    sent = cloudpickle.loads(data)
    if again:
        sent["task_run_id"] = uuid4()
    if task is not None:
        sent["task"] = task
    with ThreadPoolExecutor(1) as thread:
        state: State[Any] = thread.submit(_run_task_in_subprocess, **sent).result()
    return state
