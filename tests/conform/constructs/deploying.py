"""Deployments: one that is served by its script, and flows that start it."""

from prefect import flow, task
from prefect.deployments import run_deployment


@task
def a(x=None):
    return [f"a {x}"]


@task
def b(x=None):
    return [f"b {x}"]


# CONSTRUCT: .serve
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow(name="served")
def served(x="x"):
    return b(a(x))


# CONSTRUCT: run_deployment
# STEPS: run_deployment#1?, a#1
@flow
def started():
    run_deployment("served/here", parameters={"x": "y"}, timeout=0)
    a(1)


# CONSTRUCT: run_deployment
# STEPS: a#1, b#1, run_deployment#1?
# EDGES: a#1 -> b#1, a#1 -> run_deployment#1, run_deployment#1 -> b#1
@flow
def started_with_a_result():
    rows = a(1)
    b(run_deployment("served/here", parameters={"x": rows}, timeout=0).name)


if __name__ == "__main__":
    served.serve(name="here")
