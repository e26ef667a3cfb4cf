"""Async tasks are submitted and mapped from an async flow."""

import asyncio

from prefect import flow, task, unmapped
from prefect.futures import wait


@task
async def resolve(host):
    await asyncio.sleep(0)
    return {"host": host, "ip": f"10.0.0.{len(host)}"}


@task
async def probe(record, port):
    return {"host": record["host"], "open": port in (22, 443)}


@task
def as_row(result):
    return f"{result['host']}: {'up' if result['open'] else 'down'}"


@flow
async def scan(hosts: list[str] = ["web", "mail", "vault"], port: int = 443):
    records = resolve.map(hosts)
    results = probe.map(records, port=unmapped(port))
    wait(list(results))
    gateway = resolve.submit("gateway")
    gate = await probe(gateway.result(), 25)
    return [as_row(r.result()) for r in results] + [as_row(gate)]


if __name__ == "__main__":
    asyncio.run(scan())
