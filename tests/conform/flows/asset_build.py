"""A lake built as assets."""

from prefect import flow, task
from prefect.assets import Asset, materialize

orders = Asset(key="s3://lake/orders.csv")
revenue = Asset(key="s3://lake/revenue.csv")


@task
def read_source():
    return [{"id": 1, "sum": 10}, {"id": 2, "sum": 30}]


@materialize(orders)
def build_orders(rows):
    return [r for r in rows if r["sum"]]


@materialize(revenue, asset_deps=[orders], retries=1)
def build_revenue(rows):
    return {"revenue": sum(r["sum"] for r in rows)}


@flow
def build_lake():
    rows = read_source()
    kept = build_orders(rows)
    return build_revenue(kept)


if __name__ == "__main__":
    build_lake()
