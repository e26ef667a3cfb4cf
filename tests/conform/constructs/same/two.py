from prefect import flow, task

from . import one


@task
def load(x=None):
    return [f"two {x}"]


# CONSTRUCT: same names in different files
# STEPS: load#1, one.py:load#1
# EDGES: one.py:load#1 -> load#1
@flow
def nightly():
    load(one.load(1))


# CONSTRUCT: same names in different files, subflow
# STEPS: load#1, one.py:nightly#1
# EDGES: one.py:nightly#1 -> load#1
@flow
def both():
    load(one.nightly(1))
