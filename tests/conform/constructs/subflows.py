"""Flows that call flows. Several flows in a file: one of them is planned at a time."""

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


# CONSTRUCT: several flows in a file
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow
def child(x=None):
    return b(a(x))


# CONSTRUCT: several flows in a file, early return
# STEPS: c#1?
@flow
def other_child(x=1):
    if x:
        return c(x)
    return None


# CONSTRUCT: subflow, several flows in a file
# STEPS: child#1, a#1, other_child#1, b#1
# EDGES: a#1 -> child#1, child#1 -> b#1, child#1 -> other_child#1
@flow
def parent():
    x = child(a(1))
    other_child(x)
    b(x)


# CONSTRUCT: subflow, for loop
# STEPS: c#1*, child#1*
# EDGES: child#1 -> c#1
@flow
def parent_of_many():
    rows = []
    for i in range(2):
        rows.append(c(child(i)))
    return rows


# CONSTRUCT: subflow, state in a variable
# STEPS: child#1, b#1
# EDGES: child#1 -> b#1
@flow
def parent_that_takes_a_state():
    done = child(1, return_state=True)
    b(done.result())


# CONSTRUCT: subflow, future in a variable
# STEPS: child#1, a#1
# EDGES: a#1 -> child#1
@flow
def parent_that_hands_on_a_future():
    child(a.submit(1))


# CONSTRUCT: subflow
# STEPS: c#1, parent_of_many#1
# EDGES: parent_of_many#1 -> c#1
@flow
def grandparent():
    c(parent_of_many())


# CONSTRUCT: subflow, with_options
# STEPS: c#1, child#1
# EDGES: child#1 -> c#1
@flow
def parent_with_other_options():
    c(child.with_options(name="other")(1))


# CONSTRUCT: subflow, wait_for=
# STEPS: a#1, child#1
# EDGES: a#1 ~> child#1
@flow
def parent_that_waits():
    x = a.submit(1)
    child(2, wait_for=[x])


def start(x):
    return child(x)


# CONSTRUCT: subflow, helper function
# STEPS: c#1, start#1/child#1
# EDGES: start#1/child#1 -> c#1
@flow
def parent_through_a_helper():
    c(start(1))


# CONSTRUCT: recursion, subflow
# STEPS: a#1, recursive_flow#1?
@flow
def recursive_flow(n: int = 1):
    a(n)
    if n:
        recursive_flow(n - 1)


@task
def work(x):
    return child(x)


# CONSTRUCT: subflow in a task
# STEPS: c#1, work#1, work#1/child#1?
# EDGES: work#1 -> c#1
@flow
def parent_through_a_task():
    c(work(1))


@task
def work_of_tasks(x):
    return b(a(x))


# CONSTRUCT: task in a task
# STEPS: c#1, work_of_tasks#1, work_of_tasks#1/b#1?, work_of_tasks#1/a#1?
# EDGES: work_of_tasks#1 -> c#1, work_of_tasks#1/a#1 -> work_of_tasks#1/b#1
@flow
def task_that_calls_tasks():
    c(work_of_tasks(1))


@flow
def table_of_flows_one(x):
    return a(x)


@flow
def table_of_flows_two(x):
    return b(x)


TABLE = {"one": table_of_flows_one, "two": table_of_flows_two}


# CONSTRUCT: subflow, dict of tasks iterated
# STEPS: c#1*, table_of_flows_two#1*, table_of_flows_one#1*
# EDGES: table_of_flows_one#1 -> c#1, table_of_flows_two#1 -> c#1
@flow
def parent_of_a_table():
    for name, sub in TABLE.items():
        c(sub(name))
