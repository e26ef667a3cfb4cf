"""Calls that a task worker makes: the script serves the tasks, the flows hand calls to it."""

import time

from prefect import flow, task
from prefect.client.orchestration import get_client


def known(future):
    """The server has the last state of a call: it writes states from events, and waiting raises where there is none."""
    with get_client(sync_client=True) as client:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                state = client.read_task_run(future.task_run_id).state
            except Exception:  # a server that is busy says so by errors
                state = None
            if state is not None and state.is_final():
                break
            time.sleep(0.05)
    return future


@task
def a(x=None):
    return [f"a {x}"]


@task
def b(x=None):
    return [f"b {x}"]


@task
def c(x=None):
    return [f"c {x}"]


# CONSTRUCT: .delay, .serve
# STEPS: a#1, c#1
@flow
def delayed():
    future = a.delay(1)
    known(future).wait(timeout=60)
    c(2)


# CONSTRUCT: .delay, for loop
# STEPS: a#1*
@flow
def delayed_many():
    futures = [a.delay(i) for i in range(2)]
    for future in futures:
        known(future).wait(timeout=60)


# CONSTRUCT: .delay, wait_for=
# STEPS: a#1, b#1
# EDGES: a#1 ~> b#1
@flow
def delayed_in_order():
    first = a.apply_async((1,))
    known(first)
    known(b.apply_async(kwargs={"x": 2}, wait_for=[first])).wait(timeout=60)


# CONSTRUCT: .delay, future in a variable
# STEPS: a#1, c#1
# EDGES: a#1 -> c#1
@flow
def delayed_with_a_result():
    future = a.delay(1)
    known(future)
    c(future.result(timeout=60))


if __name__ == "__main__":
    from prefect.task_worker import serve

    serve(a, b)
