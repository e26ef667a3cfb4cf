"""One of the processes in which runs wait for people: ``python -m benchmarks.waiting_runs``.

It is told on stdin, a line each, and answers each with a line of JSON:

    start NAME COUNT    start so many runs more, each in a thread of its own
    count SECONDS       say what the process did in that time: requests, statements, looks, seconds of CPU
    ran                 say how many bodies ran
"""

from __future__ import annotations

import contextvars
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def main() -> int:
    """Do what stdin says until it ends."""
    from benchmarks.approvals_flow import WENT_ON, wait_once
    from govflow.prefect.runtime import RUNTIME

    for line in sys.stdin:
        word, *values = line.split()
        answer: dict[str, float] = {}
        if word == "start":
            name, count = values[0], int(values[1])
            for number in range(count):
                in_background(wait_once, f"{name}-{number}")
        elif word == "count":
            with counting(RUNTIME.workspace().store) as answer:
                time.sleep(float(values[0]))
        else:
            answer = {"ran": len(WENT_ON)}
        print(json.dumps(answer), flush=True)
    return 0


def in_background(flow: Callable[[str], None], name: str) -> threading.Thread:
    """Run a flow in a thread that has this thread's settings of Prefect."""
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(flow, name))
    thread.start()
    return thread


@contextmanager
def counting(store: Any) -> Iterator[dict[str, float]]:
    """Count what goes to Prefect's server over HTTP, and to the store, from this process; and its CPU time."""
    import httpx
    from sqlalchemy import event

    counted: dict[str, float] = {"requests": 0, "statements": 0, "looks": 0, "cpu": 0.0}
    sync, plain = httpx.Client.send, httpx.AsyncClient.send

    def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        counted["requests"] += 1
        return sync(self, *args, **kwargs)

    async def asend(self: Any, *args: Any, **kwargs: Any) -> Any:
        counted["requests"] += 1
        return await plain(self, *args, **kwargs)

    def executed(*args: Any) -> None:
        counted["looks" if "data_version" in args[2] else "statements"] += 1

    engine = store._db._engine
    event.listen(engine, "before_cursor_execute", executed)
    httpx.Client.send, httpx.AsyncClient.send = send, asend  # type: ignore[method-assign] # counts and passes on
    start = time.process_time()
    try:
        yield counted
    finally:
        counted["cpu"] = time.process_time() - start
        httpx.Client.send, httpx.AsyncClient.send = sync, plain  # type: ignore[method-assign]
        event.remove(engine, "before_cursor_execute", executed)


if __name__ == "__main__":
    sys.exit(main())
