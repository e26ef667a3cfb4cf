"""What the source does not tell: an unresolved step says where and why, and a call is unread, not unplanned."""

from prefect import flow, task


@task
def a(x=None, y=None):
    return [f"a {x} {y}"]


@task
def b(x=None, y=None):
    return [f"b {x} {y}"]


# CONSTRUCT: name in globals()
# STEPS: b#1, unresolved#1
@flow
def computed_name_in_globals(name: str = "a"):
    b(1)
    globals()[name](1)


# CONSTRUCT: given at run time
# STEPS: unresolved#1
@flow(validate_parameters=False)
def given_at_run_time(given=a):
    given(1)


# CONSTRUCT: given at run time, .submit
# STEPS: unresolved#1
@flow(validate_parameters=False)
def submitted_at_run_time(given=a):
    given.submit(1).wait()


# CONSTRUCT: given at run time, comprehension
# STEPS: unresolved#1
@flow(validate_parameters=False)
def listed_at_run_time(given=a):
    return [given(1)]


# CONSTRUCT: exec
# STEPS: unresolved#1
@flow
def code_in_a_string():
    exec("a(1)")


# CONSTRUCT: .fn
# STEPS: b#1, a#1?
@flow
def past_its_task():
    b(1)
    a.fn(1)
