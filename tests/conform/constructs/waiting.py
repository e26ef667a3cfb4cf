"""Prefect's own ways to wait for futures, and code of others that is given a task."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import reduce

from prefect import flow, task
from prefect.futures import as_completed, wait


@task
def a(x=None, y=None):
    return [f"a {x} {y}"]


@task
def b(x=None, y=None):
    return [f"b {x} {y}"]


@task
def c(x=None, y=None):
    return [f"c {x} {y}"]


# CONSTRUCT: as_completed
# STEPS: a#1, a#2, b#1*
# EDGES: a#1 -> b#1, a#2 -> b#1
@flow
def as_they_complete():
    for future in as_completed([a.submit(1), a.submit(2)]):
        b(future.result())


# CONSTRUCT: as_completed, list
# STEPS: a#1*, b#1
# EDGES: a#1 -> b#1
@flow
def collected_as_they_complete():
    rows = []
    for future in as_completed(a.map([1, 2])):
        rows.append(future.result())
    b(rows)


# CONSTRUCT: wait
# STEPS: a#1, a#2, b#1
# EDGES: a#1 -> b#1, a#2 -> b#1
@flow
def waited():
    futures = [a.submit(1), a.submit(2)]
    wait(futures)
    b([future.result() for future in futures])


# CONSTRUCT: wait
# STEPS: a#1*, b#1*, c#1*
# EDGES: a#1 -> b#1, a#1 -> c#1
@flow
def done_and_not_done():
    done, not_done = wait(a.map([1, 2]))
    for future in done:
        b(future)
    for future in not_done:
        c(future)


# CONSTRUCT: handed over
# STEPS: a#1*
@flow
def built_in_map():
    list(map(a, [1, 2]))


# CONSTRUCT: handed over
# STEPS: a#1*
@flow
def key_of_a_sort():
    sorted([2, 1], key=a)


# CONSTRUCT: handed over, lambda
# STEPS: b#1, reduced.<locals>.<lambda>#1/a#1*
# EDGES: reduced.<locals>.<lambda>#1/a#1 -> b#1, reduced.<locals>.<lambda>#1/a#1 -> reduced.<locals>.<lambda>#1/a#1
@flow
def reduced():
    b(reduce(lambda x, y: a(x), [1, 2, 3]))


# CONSTRUCT: handed over
# STEPS: a#1*
@flow
def thread_pool():
    with ThreadPoolExecutor() as pool:
        pool.submit(copy_context().run, a, 1).result()
