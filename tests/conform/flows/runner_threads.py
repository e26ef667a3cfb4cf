"""Checksums of many files with four threads."""

import hashlib

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner


@task(task_run_name="checksum-{name}")
def checksum(name, size):
    return {"name": name, "md5": hashlib.md5(b"0" * size).hexdigest()}


@task
def compare(left, right):
    return {"name": left["name"], "same": left["md5"] == right["md5"]}


@flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
def verify_copies(names: list[str] = ["a.bin", "b.bin"]):
    originals = {name: checksum.submit(name, size) for size, name in enumerate(names, start=3)}
    copies = {name: checksum.submit(name, size) for size, name in enumerate(names, start=3)}
    compared = [compare.submit(originals[name], copies[name]) for name in names]
    return {row["name"]: row["same"] for row in (f.result() for f in compared)}


if __name__ == "__main__":
    verify_copies()
