"""Build a customer profile from three services with a TaskGroup."""

import asyncio

from prefect import flow, task


@task
async def orders_of(customer):
    await asyncio.sleep(0.01)
    return [{"id": n, "customer": customer} for n in range(3)]


@task
async def tickets_of(customer):
    return [{"id": "T1", "customer": customer}]


@task
async def visits_of(customer):
    return {"customer": customer, "visits": 12}


@task
async def merge(orders, tickets, visits):
    return {"orders": len(orders), "tickets": len(tickets), "visits": visits["visits"]}


@flow(log_prints=True)
async def customer_profile(customer: str = "c-77"):
    async with asyncio.TaskGroup() as group:
        orders = group.create_task(orders_of(customer))
        tickets = group.create_task(tickets_of(customer))
        visits = group.create_task(visits_of(customer))

    profile = await merge(orders.result(), tickets.result(), visits.result())
    print(profile)
    return profile


if __name__ == "__main__":
    asyncio.run(customer_profile())
