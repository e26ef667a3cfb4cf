"""Company close: a flow of flows, three levels."""

from prefect import flow, task


@task
def post_entries(ledger: str):
    return [{"ledger": ledger, "amount": a} for a in (100, -40, 15)]


@task
def balance(entries: list[dict]):
    return {"ledger": entries[0]["ledger"], "balance": sum(e["amount"] for e in entries)}


@flow(name="close-ledger")
def close_ledger(ledger: str = "sales"):
    entries = post_entries(ledger)
    return balance(entries)


@task
def sign_off(unit: str, balances: list[dict]):
    return {"unit": unit, "total": sum(b["balance"] for b in balances)}


@flow(name="close-unit")
def close_unit(unit: str = "north", ledgers: list[str] = ["sales", "costs"]):
    balances = [close_ledger(f"{unit}/{ledger}") for ledger in ledgers]
    return sign_off(unit, balances)


@task
def consolidate(signed, group):
    return {"units": [s["unit"] for s in signed], "total": sum(s["total"] for s in signed) + group["balance"]}


@flow(name="close-month")
def close_month():
    north = close_unit("north", ["sales"])
    group = close_ledger("group")
    return consolidate([north], group)


if __name__ == "__main__":
    close_month()
