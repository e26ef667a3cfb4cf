"""Charge through the first provider, fall back to the second; the audit record is written in any case."""

from prefect import flow, task


class ProviderDown(Exception):
    pass


@task
def charge_primary(order):
    if order["amount"] > 500:
        raise ProviderDown("primary does not take large amounts")
    return {"provider": "primary", "order": order["id"]}


@task
def charge_secondary(order):
    return {"provider": "secondary", "order": order["id"]}


@task
def confirm(receipt):
    return {"confirmed": receipt["order"], "by": receipt["provider"]}


@task
def write_audit(order, outcome):
    return f"{order['id']}={outcome}"


@flow
def charge_order(order_id: str = "o-900", amount: int = 900):
    order = {"id": order_id, "amount": amount}
    outcome = "unknown"
    try:
        receipt = charge_primary(order)
    except ProviderDown as error:
        print(f"falling back: {error}")
        receipt = charge_secondary(order)
        outcome = "fallback"
    else:
        outcome = "primary"
    finally:
        audit = write_audit(order, outcome)

    return {"audit": audit, **confirm(receipt)}


if __name__ == "__main__":
    charge_order()
