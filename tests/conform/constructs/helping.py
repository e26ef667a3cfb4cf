"""Functions, methods and objects that call tasks."""

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


def load(x):
    return a(x)


def load_and_clean(x):
    return b(load(x))


# CONSTRUCT: helper function
# STEPS: b#1, load#1/a#1
# EDGES: load#1/a#1 -> b#1
@flow
def helper():
    b(load(1))


# CONSTRUCT: helper function
# STEPS: c#1, load_and_clean#1/b#1, load_and_clean#1/load#1/a#1
# EDGES: load_and_clean#1/b#1 -> c#1, load_and_clean#1/load#1/a#1 -> load_and_clean#1/b#1
@flow
def helper_of_a_helper():
    c(load_and_clean(1))


# CONSTRUCT: helper function
# STEPS: load#1/a#1, load#2/a#1, b#1, c#1
# EDGES: load#1/a#1 -> b#1, load#2/a#1 -> c#1
@flow
def helper_twice():
    x = load(1)
    y = load(2)
    b(x)
    c(y)


def start(x):
    return a.submit(x)


# CONSTRUCT: helper function, future in a variable
# STEPS: start#1/a#1, start#2/a#1, b#1
# EDGES: start#1/a#1 -> b#1, start#2/a#1 -> b#1
@flow
def helper_that_submits():
    futures = [start(1), start(2)]
    b(futures)


def apply(step, x):
    return step(x)


# CONSTRUCT: helper function, task as an argument
# STEPS: apply#1/b#1, apply#2/a#1
# EDGES: apply#2/a#1 -> apply#1/b#1
@flow
def helper_that_is_given_a_task():
    apply(b, apply(a, 1))


def only_for_some(x):
    if not x:
        return None
    return a(x)


# CONSTRUCT: helper function, early return
# STEPS: only_for_some#1/a#1?, b#1, only_for_some#2/a#1?
# EDGES: only_for_some#2/a#1 -> b#1
@flow
def helper_that_returns_early():
    only_for_some(0)
    b(only_for_some(1))


# CONSTRUCT: helper function
# STEPS: b#1, helper_within.<locals>.inner#1/a#1
# EDGES: helper_within.<locals>.inner#1/a#1 -> b#1
@flow
def helper_within():
    def inner(x):
        return a(x)

    b(inner(1))


# CONSTRUCT: helper function
# STEPS: a#1, c#1, closure.<locals>.inner#1/b#1
# EDGES: a#1 -> closure.<locals>.inner#1/b#1, closure.<locals>.inner#1/b#1 -> c#1
@flow
def closure():
    x = a(1)

    def inner():
        return b(x)

    c(inner())


def parts():
    yield a(1)
    yield a(2)


# CONSTRUCT: helper function, generator
# STEPS: parts#1/a#1?, parts#1/a#2?, b#1*
# EDGES: parts#1/a#1 -> b#1, parts#1/a#2 -> b#1
@flow
def generator():
    for x in parts():
        b(x)


def walk(x, n):
    y = a(x)
    if n:
        walk(y, n - 1)


# CONSTRUCT: recursion
# STEPS: walk#1/a#1*
# EDGES: walk#1/a#1 -> walk#1/a#1
@flow
def recursive_helper(n: int = 2):
    walk(0, n)


def even(n):
    a(n)
    return odd(n - 1) if n else None


def odd(n):
    b(n)
    return even(n - 1) if n else None


# CONSTRUCT: recursion
# STEPS: even#1/a#1*, even#1/odd#1/b#1*
@flow
def recursive_pair(n: int = 3):
    even(n)


class Step:
    def __init__(self, name):
        self.name = name
        self.rows = None

    def read(self):
        self.rows = a(self.name)
        return self

    def write(self):
        return b(self.rows)

    @property
    def count(self):
        return c(self.rows)


class Quiet(Step):
    def write(self):
        return c(super().write())


# CONSTRUCT: helper method, attribute
# STEPS: Step.read#1/a#1, Step.write#1/b#1
# EDGES: Step.read#1/a#1 -> Step.write#1/b#1
@flow
def methods():
    step = Step("x")
    step.read()
    step.write()


# CONSTRUCT: helper method
# STEPS: Step.read#1/a#1, Step.write#1/b#1
# EDGES: Step.read#1/a#1 -> Step.write#1/b#1
@flow
def chained_methods():
    Step("x").read().write()


# CONSTRUCT: helper method
# STEPS: Step.read#1/a#1, Quiet.write#1/c#1, Quiet.write#1/Step.write#1/b#1
# EDGES: Quiet.write#1/Step.write#1/b#1 -> Quiet.write#1/c#1, Step.read#1/a#1 -> Quiet.write#1/Step.write#1/b#1
@flow
def inherited_methods():
    Quiet("x").read().write()


# CONSTRUCT: helper method
# STEPS: Step.read#1/a#1, Step.count#1/c#1, b#1
# EDGES: Step.count#1/c#1 -> b#1, Step.read#1/a#1 -> Step.count#1/c#1
@flow
def property_of_an_object():
    x = Step("x").read().count
    b(x)


class Job:
    def __init__(self, step):
        self.step = step

    def __call__(self, x):
        return self.step(x)


# CONSTRUCT: helper method, attribute, task as an argument
# STEPS: b#1, Job.__call__#1/a#1
# EDGES: Job.__call__#1/a#1 -> b#1
@flow
def object_that_is_called():
    job = Job(a)
    b(job(1))
