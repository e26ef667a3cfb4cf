"""Tasks and flows that are objects of somebody's own class of Prefect's."""

from functools import partial

from prefect import Flow, Task, flow, task


class Plain(Task):
    """Nothing of its own."""


class Named(Task):
    """With an ``__init__`` and a method of its own."""

    def __init__(self, fn, team="data", **options):
        super().__init__(fn, **options)
        self.team = team

    def twice(self, x):
        x = self(x)
        return self(x)


class Told(Task):
    """With ways of its own to be called."""

    def __call__(self, *args, **kwargs):
        return super().__call__(*args, **kwargs)

    def submit(self, *args, **kwargs):
        return super().submit(*args, **kwargs)


class Nightly(Flow):
    """A flow of its own class."""


def house(fn=None, **options):
    if fn is None:
        return partial(house, **options)
    return Plain(fn, **options)


def load(x):
    return x + 1


@task
def b(x=None):
    return x


plain = Plain(load)
named = Named(load, team="sales", retries=1)
told = Told(load)


@Plain
def decorated(x):
    return x


@house(retries=1)
def made(x):
    return x


# CONSTRUCT: task of an own class
# STEPS: load#1, decorated#1, load#2, b#1, load#3*
# EDGES: load#1 -> decorated#1, decorated#1 -> load#2, load#2 -> b#1
@flow
def own_task():
    x = plain(1)
    x = decorated(x)
    b(plain.submit(x).result())
    plain.map([1, 2]).result()


# CONSTRUCT: task of an own class
# STEPS: Named.twice#1/load#1, Named.twice#1/load#2, b#1
# EDGES: Named.twice#1/load#1 -> Named.twice#1/load#2, Named.twice#1/load#2 -> b#1
@flow
def own_method():
    b(named.twice(1))


# CONSTRUCT: task of an own class
# STEPS: Told.__call__#1/load#1, Told.submit#1/load#1
# EDGES: Told.__call__#1/load#1 -> Told.submit#1/load#1
@flow
def own_call():
    told.submit(told(1)).result()


# CONSTRUCT: task of an own class, custom decorator
# STEPS: made#1
@flow
def own_decorator():
    made(1)


# CONSTRUCT: flow of an own class
# STEPS: load#1
@Nightly
def own_flow():
    return plain(1)


# CONSTRUCT: flow of an own class
# STEPS: own_flow#1, b#1
# EDGES: own_flow#1 -> b#1
@flow
def own_subflow():
    b(own_flow())
