"""A large list in batches: every batch is submitted, waited for, then the next one begins."""

from itertools import chain, groupby, islice

from prefect import flow, task
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner


@task
def list_keys(prefix):
    return [f"{prefix}/{kind}/{n}" for kind in ("csv", "json") for n in range(3)]


@task
def copy_key(key, target):
    return {"key": key, "target": target}


@task
def summarise(kind, copies):
    return {kind: len(copies)}


def batched(items, size):
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def kind_of(copy):
    return copy["key"].split("/")[1]


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def copy_bucket(prefix: str = "raw", size: int = 4):
    finished = []
    for batch in batched(list_keys(prefix), size):
        futures = [copy_key.submit(key, target="lake") for key in batch]
        wait(futures)
        finished.append([f.result() for f in futures])

    copies = sorted(chain.from_iterable(finished), key=kind_of)
    summary = {}
    for kind, group in groupby(copies, key=kind_of):
        summary.update(summarise(kind, list(group)))
    return summary


if __name__ == "__main__":
    copy_bucket()
