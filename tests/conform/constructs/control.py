"""Loops, branches and what else decides whether a call is made."""

import contextlib

from prefect import flow, task


@task
def a(x=None, y=None):
    return [f"a {x} {y}"]


@task
def b(x=None, y=None):
    return [f"b {x} {y}"]


@task
def c(x=None, y=None):
    return [f"c {x} {y}"]


@task
def fail(x=None):
    raise ValueError(x)


# CONSTRUCT: for loop
# STEPS: b#1*, a#1*, c#1
# EDGES: a#1 -> b#1
@flow
def for_loop():
    for i in range(3):
        b(a(i))
    c(1)


# CONSTRUCT: for loop
# STEPS: b#1*, a#1*, c#1
# EDGES: a#1 -> b#1, b#1 -> a#1, b#1 -> c#1
@flow
def carried_to_the_next_round():
    x = None
    for _ in range(3):
        x = b(a(x))
    c(x)


# CONSTRUCT: for loop
# STEPS: a#1*, b#1?, c#1
@flow
def loop_that_is_left():
    for i in range(3):
        if i == 1:
            continue
        if i == 2:
            break
        a(i)
    else:
        b(1)
    c(1)


# CONSTRUCT: for loop
# STEPS: a#1*, b#1
@flow
def loop_with_an_end():
    for i in range(2):
        a(i)
    else:
        b(1)


# CONSTRUCT: while loop
# STEPS: a#1*, b#1
# EDGES: a#1 -> a#1, a#1 -> b#1
@flow
def while_loop(n: int = 2):
    x = None
    while n:
        x = a(x)
        n -= 1
    b(x)


# CONSTRUCT: while loop
# STEPS: a#1*, b#1
# EDGES: a#1 -> a#1, a#1 -> b#1
@flow
def until_it_is_enough():
    rows = []
    while True:
        rows.append(a(len(rows)))
        if len(rows) == 2:
            break
    b(rows)


# CONSTRUCT: branch
# STEPS: a#1?, b#1?, c#1
# EDGES: a#1 -> c#1, b#1 -> c#1
@flow
def branch(n: int = 1):
    if n:
        x = a(1)
    else:
        x = b(2)
    c(x)


# CONSTRUCT: branch
# STEPS: a#1?, b#1?, c#1?
@flow
def other_branch(n: int = 3):
    if n == 1:
        a(1)
    elif n == 2:
        b(1)
    else:
        c(1)


# CONSTRUCT: branch
# STEPS: b#1?, a#1, c#1
@flow
def branch_that_raises(n: int = 0):
    if n:
        raise ValueError(b(1))
    else:
        a(1)
    c(1)


# CONSTRUCT: try/except/finally
# STEPS: a#1?, b#1?, b#2?, c#1
# EDGES: a#1 -> b#2
@flow
def nothing_raised():
    try:
        x = a(1)
    except ValueError:
        x = b(1)
    else:
        b(x)
    finally:
        c(1)


# CONSTRUCT: try/except/finally
# STEPS: fail#1?, b#1?, c#1
# EDGES: fail#1 -> b#1
@flow
def something_raised():
    try:
        fail(1)
    except ValueError as error:
        b(str(error))
    finally:
        c(1)


# CONSTRUCT: try/except/finally
# STEPS: fail#1?, a#1?, b#1?
# EDGES: a#1 -> b#1, fail#1 -> b#1
@flow
def error_handed_on():
    try:
        fail(1)
        a(1)
    except ValueError as error:
        b(error)


# CONSTRUCT: try/except/finally, branch
# STEPS: a#1, b#1?, c#1
# EDGES: a#1 -> c#1
@flow
def raised_again(n: int = 0):
    try:
        x = a(1)
        if n:
            raise ValueError
    except ValueError:
        b(1)
        raise
    c(x)


# CONSTRUCT: try/except/finally
# STEPS: a#1?, b#1?
# EDGES: a#1 -> b#1
@flow
def group_of_errors():
    try:
        raise ExceptionGroup("two", [ValueError(a(1))])
    except* ValueError as group:
        b(str(group))


# CONSTRUCT: with
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
def with_nothing_to_say():
    with contextlib.nullcontext(a(1)) as x:
        b(x)


# CONSTRUCT: with
# STEPS: fail#1?, a#1?, b#1
@flow
def suppressed():
    with contextlib.suppress(ValueError):
        fail(1)
        a(1)
    b(1)


class Lock:
    def __enter__(self):
        return a(1)

    def __exit__(self, *_):
        b(1)


# CONSTRUCT: with, helper method
# STEPS: Lock.__enter__#1/a#1, Lock.__exit__#1/b#1, c#1
@flow
def with_a_lock():
    with Lock():
        c(1)


# CONSTRUCT: with, helper method
# STEPS: Lock.__enter__#1/a#1, Lock.__exit__#1/b#1, c#1
# EDGES: Lock.__enter__#1/a#1 -> c#1
@flow
def with_what_a_lock_gives():
    with Lock() as x:
        c(x)


@contextlib.contextmanager
def table():
    x = a(1)
    try:
        yield x
    finally:
        b(x)


# CONSTRUCT: with, helper function
# STEPS: table#1/a#1?, table#1/b#1?, c#1
# EDGES: table#1/a#1 -> c#1, table#1/a#1 -> table#1/b#1
@flow
def with_a_generator():
    with table() as x:
        c(x)


# CONSTRUCT: match
# STEPS: a#1?, b#1?, c#1
# EDGES: a#1 -> c#1, b#1 -> c#1
@flow
def matched(n: int = 2):
    match n:
        case 1:
            x = a(1)
        case 2:
            x = b(1)
        case _:
            x = None
    c(x)


# CONSTRUCT: match
# STEPS: a#1, b#1?, c#1?
# EDGES: a#1 -> b#1
@flow
def matched_by_shape():
    match a(1):
        case [x]:
            b(x)
        case _:
            c(1)


# CONSTRUCT: early return
# STEPS: a#1, b#1?
@flow
def returned_early(n: int = 1):
    a(1)
    if n:
        return
    b(1)


# CONSTRUCT: early return
# STEPS: a#1, c#1?, b#1?
# EDGES: a#1 -> b#1, a#1 -> c#1
@flow
def not_returned_early(n: int = 0):
    x = a(1)
    if n:
        return c(x)
    return b(x)


# CONSTRUCT: early return, for loop
# STEPS: b#1*, a#1*, c#1?
@flow
def returned_from_a_loop():
    for i in range(3):
        if i:
            return b(i)
        a(i)
    c(1)
