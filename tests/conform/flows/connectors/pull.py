from prefect import flow, task

from . import CONNECTORS
from .files import read_files


@task
def merge(batches):
    return {name: len(rows) for name, rows in batches.items()}


@flow(name="pull-connectors")
def pull(path: str = "inbox"):
    batches = {}
    for name in sorted(CONNECTORS):
        batches[name] = CONNECTORS[name](path)
    batches["again"] = read_files("outbox")
    return merge(batches)
