"""Ways to call a task."""

from functools import partial

from prefect import flow, task, unmapped


@task
def a(x=None, y=None):
    return [f"a {x} {y}"]


@task
def b(x=None, y=None):
    return [f"b {x} {y}"]


@task
def c(x=None, y=None):
    return [f"c {x} {y}"]


# CONSTRUCT: direct call
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow
def direct():
    b(a(1))


# CONSTRUCT: direct call
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow
def direct_by_name_of_method():
    b.__call__(a.__call__(1))


# CONSTRUCT: direct call, starred arguments
# STEPS: b#1, a#1, c#1, a#2
# EDGES: a#1 -> b#1, a#2 -> c#1
@flow
def starred():
    b(*[a(1)])
    c(**{"y": a(2)})


# CONSTRUCT: .submit, future in a variable
# STEPS: a#1, b#1, c#1
# EDGES: a#1 -> b#1, a#1 -> c#1, b#1 -> c#1
@flow
def submitted():
    x = a.submit(1)
    y = b.submit(x)
    c.submit(x, y=y.result())


# CONSTRUCT: .submit, bound method in a variable
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow
def submitted_by_a_variable():
    send = a.submit
    b(send(1))


# CONSTRUCT: .map
# STEPS: c#1, b#1*, a#1*
# EDGES: a#1 -> b#1, b#1 -> c#1
@flow
def mapped():
    c(b.map(a.map([1, 2, 3])).result())


# CONSTRUCT: .map, unmapped
# STEPS: a#1, b#1*
# EDGES: a#1 -> b#1
@flow
def mapped_with_a_constant_side():
    whole = a(0)
    b.map([1, 2], y=unmapped(whole))


# CONSTRUCT: .map, unmapped
# STEPS: a#1, c#1, c#2, b#1*
# EDGES: a#1 -> b#1, c#1 -> b#1, c#2 -> b#1
@flow
def mapped_over_futures_with_an_unmapped_future():
    whole = a.submit(0)
    parts = [c.submit(1), c.submit(2)]
    b.map(parts, y=unmapped(whole)).wait()


# CONSTRUCT: wait_for=
# STEPS: a#1, b#1
# EDGES: a#1 ~> b#1
@flow
def ordered():
    x = a.submit(1)
    b(2, wait_for=[x])


# CONSTRUCT: wait_for=
# STEPS: a#1, b#1, c#1
# EDGES: a#1 ~> b#1, a#1 ~> c#1, b#1 ~> c#1
@flow
def ordered_in_a_row():
    first = a.submit(1)
    second = b.submit(2, wait_for=[first])
    c.submit(3, wait_for=[first, second]).wait()


# CONSTRUCT: wait_for=, .map
# STEPS: a#1*, b#1*
# EDGES: a#1 ~> b#1
@flow
def ordered_maps():
    first = a.map([1, 2])
    b.map([3, 4], wait_for=first).wait()


# CONSTRUCT: wait_for=, state in a variable
# STEPS: a#1, b#1
# EDGES: a#1 ~> b#1
@flow
def ordered_by_a_state():
    done = a(1, return_state=True)
    b(2, wait_for=[done])


# CONSTRUCT: state in a variable
# STEPS: a#1, b#1, c#1
# EDGES: a#1 -> b#1, a#1 -> c#1
@flow
def handed_on_as_a_state():
    done = a(1, return_state=True)
    b(done)
    c(done.result())


# CONSTRUCT: state in a variable, .submit
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
def submitted_for_its_state():
    done = a.submit(1, return_state=True)
    b.submit(done).wait()


# CONSTRUCT: with_options
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow
def with_other_options():
    b.with_options(retries=1)(a.with_options(name="other")(1))


# CONSTRUCT: with_options
# STEPS: b#1, a#1, c#1*
# EDGES: a#1 -> b#1
@flow
def with_other_options_kept():
    often = a.with_options(retries=2)
    b(often.submit(1))
    c.with_options(tags=["x"]).map([1, 2]).wait()


# CONSTRUCT: partial
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow
def through_a_partial():
    load = partial(a, y=1)
    b(load(2))


# CONSTRUCT: partial, .submit
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow
def through_a_partial_of_submit():
    send = partial(a.submit, 1)
    b(send())


# CONSTRUCT: lambda
# STEPS: b#1, through_a_lambda.<locals>.<lambda>#1/a#1
# EDGES: through_a_lambda.<locals>.<lambda>#1/a#1 -> b#1
@flow
def through_a_lambda():
    get = lambda x: a(x)
    b(get(1))


# CONSTRUCT: lambda, .submit
# STEPS: c#1*, through_lambdas_in_a_list.<locals>.<lambda>#1/a#1*, through_lambdas_in_a_list.<locals>.<lambda>#1/b#1*
# EDGES: through_lambdas_in_a_list.<locals>.<lambda>#1/a#1 -> c#1
# EDGES: through_lambdas_in_a_list.<locals>.<lambda>#1/b#1 -> c#1
@flow
def through_lambdas_in_a_list():
    for step in [lambda: a.submit(1), lambda: b.submit(2)]:
        c(step())
