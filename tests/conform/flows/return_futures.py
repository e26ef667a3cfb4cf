"""Flows that give futures back; Prefect resolves them when the flow ends."""

from prefect import flow, task


@task
def add_tax(price):
    return {"price": price, "gross": round(price * 1.25, 2)}


@task
def total(rows):
    return {"gross": sum(r["gross"] for r in rows)}


@flow
def price_list(prices: list[float] = [10.0, 20.0]):
    return add_tax.map(prices)


@flow
def quote(prices: list[float] = [4.0, 8.0]):
    rows = price_list(prices)
    return total.submit(rows)


if __name__ == "__main__":
    quote()
