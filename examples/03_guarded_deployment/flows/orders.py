"""Archive the orders of a day."""

from __future__ import annotations

from govflow.prefect import flow, task


@task(action="data:read", provider="postgres", resource="dataset://acme/orders")
def read_orders(day: str) -> list[str]:
    """The orders of a day."""
    return [f"{day}-{number}" for number in range(3)]


@task(action="data:write", provider="postgres", resource="dataset://acme/archive")
def archive(orders: list[str]) -> int:
    """Put them away; returns how many."""
    return len(orders)


@flow(log_prints=True)
def orders(day: str = "2026-01-01") -> int:
    """Archive the orders of a day."""
    count = archive(read_orders(day))
    print(f"{count} orders of {day} archived")
    return count
