"""A flow with a step that needs an approval."""

from __future__ import annotations

from govflow.prefect import flow, task


@task(action="data:delete", provider="duckdb", resource="table://orders")
def purge() -> str:
    """Delete nothing; this is an example."""
    return "purged"


@flow(log_prints=True)
def clean() -> None:
    """Ask, wait, delete."""
    print(purge())


if __name__ == "__main__":
    clean()
