"""Join orders with customers; both sides are read at the same time."""

from prefect import flow, task


@task(name="read orders", tags=["db"])
def read_orders(day: str) -> list[dict]:
    return [
        {"id": 1, "customer": "c1", "total": 40.0, "day": day},
        {"id": 2, "customer": "c2", "total": 15.5, "day": day},
        {"id": 3, "customer": "c1", "total": 9.9, "day": day},
    ]


@task(name="read customers", tags=["db"])
def read_customers() -> dict[str, str]:
    return {"c1": "Ada", "c2": "Grace"}


@task
def join(orders: list[dict], customers: dict[str, str]) -> list[dict]:
    return [{**order, "name": customers[order["customer"]]} for order in orders]


@task
def revenue_by_name(joined: list[dict]) -> dict[str, float]:
    totals: dict[str, float] = {}
    for row in joined:
        totals[row["name"]] = totals.get(row["name"], 0) + row["total"]
    return totals


@task
def publish(totals: dict[str, float], day: str) -> dict:
    return {"day": day, "rows": len(totals), "top": max(totals, key=totals.get)}


@flow
def daily_revenue(day: str = "2024-05-01") -> dict:
    orders_future = read_orders.submit(day)
    customers_future = read_customers.submit()

    # futures go straight into the next task: Prefect resolves them
    joined_future = join.submit(orders_future, customers=customers_future)
    totals = revenue_by_name.submit(joined_future).result()

    receipt = publish.submit(totals, day=day)
    return receipt.result()


if __name__ == "__main__":
    print(daily_revenue())
