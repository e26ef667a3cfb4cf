from prefect import flow, task


@task
def load(x=None):
    return [f"one {x}"]


# CONSTRUCT: same names in different files
# STEPS: load#1, load#2
# EDGES: load#2 -> load#1
@flow
def nightly(x=None):
    return load(load(x))
