"""Steps that several flow files of this folder use."""

from prefect import flow, task

__all__ = ["clean", "read", "report_flow", "write"]


@task
def read(name):
    return [{"name": name, "n": n} for n in range(4)]


@task
def clean(rows):
    return [row for row in rows if row["n"]]


@task
def write(rows, target):
    return {"target": target, "rows": len(rows)}


@flow(name="report")
def report_flow(receipts: list[dict] = []):
    return write(receipts, "report")
