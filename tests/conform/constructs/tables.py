"""Tasks that stand in lists, dicts and namespaces."""

from types import SimpleNamespace

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


STEPS = [a, b]
BY_NAME = {"a": a, "b": b}
SPACE = SimpleNamespace(first=a, second=b)


# CONSTRUCT: list of tasks iterated
# STEPS: a#1*, b#1*, c#1
# EDGES: a#1 -> a#1, a#1 -> b#1, a#1 -> c#1, b#1 -> a#1, b#1 -> b#1, b#1 -> c#1
@flow
def list_iterated():
    x = None
    for step in STEPS:
        x = step(x)
    c(x)


# CONSTRUCT: list of tasks iterated
# STEPS: c#1, a#1*, b#1*
# EDGES: a#1 -> c#1, b#1 -> c#1
@flow
def list_in_a_comprehension():
    c([step.submit(1) for step in (a, b)])


# CONSTRUCT: list of tasks indexed
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow
def list_indexed():
    STEPS[1](STEPS[0](1))


# CONSTRUCT: list of tasks unpacked
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow
def list_unpacked():
    first, second = STEPS
    second(first(1))


# CONSTRUCT: dict of tasks iterated
# STEPS: b#1*, a#1*, c#1
# EDGES: a#1 -> c#1, b#1 -> c#1
@flow
def dict_iterated():
    done = {}
    for name, step in BY_NAME.items():
        done[name] = step(name)
    c(done)


# CONSTRUCT: dict of tasks indexed
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow
def dict_indexed():
    BY_NAME["b"](BY_NAME["a"](1))


# CONSTRUCT: dict of tasks indexed
# STEPS: c#1, a#1?, b#1?, c#2, a#2?, b#2?
# EDGES: a#1 -> c#1, a#2 -> c#2, b#1 -> c#1, b#2 -> c#2
@flow
def dict_indexed_by_a_parameter(name: str = "b"):
    c(BY_NAME[name](1))
    c(BY_NAME.get(name, a)(2))


# CONSTRUCT: namespace of tasks
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow
def namespace():
    SPACE.second(SPACE.first(1))


# CONSTRUCT: name in globals()
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow
def constant_name_in_globals():
    globals()["b"](globals().get("a")(1))


# CONSTRUCT: task as a default
# STEPS: b#1, task_as_a_default.<locals>.inner#1/a#1
# EDGES: task_as_a_default.<locals>.inner#1/a#1 -> b#1
@flow
def task_as_a_default():
    def inner(x, step=a):
        return step(x)

    b(inner(1))


# CONSTRUCT: conditional expression, task in a variable
# STEPS: c#1, a#1?, b#1?
# EDGES: a#1 -> c#1, b#1 -> c#1
@flow
def chosen(n: int = 1):
    step = a if n else b
    c(step(1))
