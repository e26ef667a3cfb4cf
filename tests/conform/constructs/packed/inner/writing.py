from prefect import task

from ..reading import read


@task
def write(x=None):
    return [f"write {x}"]


def copy(x):
    return write(read(x))
