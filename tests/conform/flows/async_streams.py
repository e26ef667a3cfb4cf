"""async for, async with and an async generator task."""

import asyncio
from contextlib import asynccontextmanager

from prefect import flow, task


@asynccontextmanager
async def connection(name):
    opened = {"name": name, "open": True}
    try:
        yield opened
    finally:
        opened["open"] = False


@task
async def stream_rows(conn, n):
    for k in range(n):
        await asyncio.sleep(0)
        yield {"conn": conn["name"], "k": k}


@task
async def insert(row):
    return {"inserted": row["k"]}


@task
async def close_report(conn, inserted):
    return {"rows": len(inserted), "open": conn["open"]}


@flow
async def copy_rows(n: int = 3):
    inserted = []
    async with connection("source") as source:
        async for row in stream_rows(source, n):
            inserted.append(await insert(row))
    return await close_report(source, inserted)


if __name__ == "__main__":
    asyncio.run(copy_rows())
