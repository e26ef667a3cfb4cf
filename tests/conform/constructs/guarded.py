"""A script whose flow is defined where it starts."""

from prefect import flow, task


@task
def a(x=None):
    return [f"a {x}"]


@task
def b(x=None):
    return [f"b {x}"]


if __name__ == "__main__":
    # CONSTRUCT: flow in a main guard
    # STEPS: b#1, a#1
    # EDGES: a#1 -> b#1
    @flow
    def under_the_guard():
        return b(a(1))

    # CONSTRUCT: flow in a main guard, subflow
    # STEPS: b#1, under_the_guard#1
    # EDGES: under_the_guard#1 -> b#1
    @flow
    def under_the_guard_with_a_subflow():
        b(under_the_guard())
