from prefect import task


@task
def read(x=None):
    return [f"read {x}"]


@task
def check(x=None):
    return [f"check {x}"]
