"""Ways to make a task or a flow."""

import functools

import prefect
import prefect as engine
from prefect import Flow, Task, flow, task
from prefect.tasks import task as job


@task
def plain(x=None):
    return [f"plain {x}"]


# CONSTRUCT: decorator without brackets
# STEPS: plain#1
@flow
def without_brackets():
    plain(1)


@task(retries=1)
def bracketed(x=None):
    return [f"bracketed {x}"]


# CONSTRUCT: decorator with brackets
# STEPS: plain#1, bracketed#1
# EDGES: bracketed#1 -> plain#1
@flow(name="With brackets")
def with_brackets():
    plain(bracketed(1))


@prefect.task
def by_module(x=None):
    return [f"by_module {x}"]


@engine.task()
def by_alias(x=None):
    return [f"by_alias {x}"]


@job
def renamed(x=None):
    return [f"renamed {x}"]


# CONSTRUCT: alias
# STEPS: plain#1, renamed#1, by_alias#1, by_module#1
# EDGES: by_alias#1 -> renamed#1, by_module#1 -> by_alias#1, renamed#1 -> plain#1
@prefect.flow
def aliased():
    y = plain
    y(renamed(by_alias(by_module(1))))


def _bare(x=None):
    return [f"bare {x}"]


made = task(_bare)
made_with_options = task(name="made", retries=1)(_bare)
made_of_a_lambda = Task(fn=lambda x=None: [f"lambda {x}"])


# CONSTRUCT: task(fn)
# STEPS: _bare#1, _bare#2
# EDGES: _bare#2 -> _bare#1
@flow
def tasks_made_by_calls():
    made_with_options(made(1))


# CONSTRUCT: task(fn), lambda
# STEPS: plain#1, <lambda>#1
# EDGES: <lambda>#1 -> plain#1
@flow
def task_made_of_a_lambda():
    plain(made_of_a_lambda(1))


def _body():
    plain(made(1))


# CONSTRUCT: flow(fn)
# STEPS: plain#1, _bare#1
# EDGES: _bare#1 -> plain#1
flow_made_by_a_call = flow(_body)

# CONSTRUCT: flow(fn)
# STEPS: plain#1, _bare#1
# EDGES: _bare#1 -> plain#1
flow_made_with_options = flow(name="made with options")(_body)

# CONSTRUCT: flow(fn)
# STEPS: plain#1, _bare#1
# EDGES: _bare#1 -> plain#1
flow_made_of_a_class = Flow(_body, name="made of a class")


# CONSTRUCT: flow(fn), task(fn)
# STEPS: made_within.<locals>.inner#1, _bare#1
# EDGES: _bare#1 -> made_within.<locals>.inner#1
@flow
def made_within():
    @task
    def inner(x=None):
        return [f"inner {x}"]

    other = task(_bare)
    inner(other(1))


def house_task(fn=None, **options):
    """Prefect's task, with what the house wants; with and without brackets."""
    if fn is None:
        return functools.partial(house_task, **options)
    return task(fn, retries=1, **options)


@house_task
def of_the_house(x=None):
    return [f"of_the_house {x}"]


@house_task(name="named")
def of_the_house_too(x=None):
    return [f"of_the_house_too {x}"]


def house_flow(fn):
    return flow(fn, retries=0)


# CONSTRUCT: custom decorator
# STEPS: of_the_house_too#1, of_the_house#1
# EDGES: of_the_house#1 -> of_the_house_too#1
@flow
def tasks_of_the_house():
    of_the_house_too(of_the_house(1))


# CONSTRUCT: custom decorator
# STEPS: plain#1, of_the_house#1
# EDGES: of_the_house#1 -> plain#1
@house_flow
def flow_of_the_house():
    plain(of_the_house(1))


def noisy(fn):
    @functools.wraps(fn)
    def inner(*args, **kwargs):
        return fn(*args, **kwargs)

    return inner


@task
@noisy
def below_a_decorator(x=None):
    return [f"below_a_decorator {x}"]


@noisy
@task
def above_a_task(x=None):
    return [f"above_a_task {x}"]


# CONSTRUCT: custom decorator
# STEPS: noisy.<locals>.inner#1/above_a_task#1, noisy.<locals>.inner#2
# EDGES: noisy.<locals>.inner#2 -> noisy.<locals>.inner#1/above_a_task#1
@flow
def among_other_decorators():
    above_a_task(below_a_decorator(1))


# CONSTRUCT: custom decorator
# STEPS: flow_over_a_decorator#1/plain#1, flow_over_a_decorator#1/bracketed#1
# EDGES: flow_over_a_decorator#1/bracketed#1 -> flow_over_a_decorator#1/plain#1
@flow
@noisy
def flow_over_a_decorator():
    plain(bracketed(1))


retrying = functools.partial(task, retries=1)


@retrying
def by_partial(x=None):
    return [f"by_partial {x}"]


# CONSTRUCT: custom decorator, partial
# STEPS: plain#1, by_partial#1
# EDGES: by_partial#1 -> plain#1
@flow
def decorator_made_by_partial():
    plain(by_partial(1))


class Jobs:
    @staticmethod
    @task
    def static(x=None):
        return [f"static {x}"]

    @classmethod
    @task
    def of_class(cls, rows=None):
        return [f"of_class {rows}"]

    @task
    def of_object(self, rows=None):
        return [f"of_object {rows}"]

    field = plain


# CONSTRUCT: static method
# STEPS: plain#1, Jobs.static#1
# EDGES: Jobs.static#1 -> plain#1
@flow
def static_method():
    plain(Jobs.static(1))


# CONSTRUCT: class method
# STEPS: Jobs.of_class#1, plain#1
# EDGES: plain#1 -> Jobs.of_class#1
@flow
def class_method():
    Jobs.of_class(plain(1))


# CONSTRUCT: class method, static method, helper method
# STEPS: Jobs.of_object#1, Jobs.static#1, Jobs.of_class#1, plain#1
# EDGES: Jobs.static#1 -> Jobs.of_object#1, plain#1 -> Jobs.of_class#1
@flow
def method_of_an_object():
    jobs = Jobs()
    jobs.of_object(jobs.static(1))
    jobs.of_class.submit(Jobs.field(1)).wait()


class Pipelines:
    # CONSTRUCT: static method
    # STEPS: plain#1, bracketed#1
    # EDGES: bracketed#1 -> plain#1
    @staticmethod
    @flow
    def nightly():
        return plain(bracketed(1))


# CONSTRUCT: static method, subflow
# STEPS: plain#1, Pipelines.nightly#1
# EDGES: Pipelines.nightly#1 -> plain#1
@flow
def flow_as_a_method():
    plain(Pipelines.nightly())
