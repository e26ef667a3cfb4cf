"""Ingest several regions at once, each as an async subflow."""

import asyncio

from prefect import flow, task


@task
async def pull(region):
    await asyncio.sleep(0.01)
    return {"region": region, "events": [f"{region}-{n}" for n in range(3)]}


@task
async def dedupe(batch):
    return {**batch, "events": sorted(set(batch["events"]))}


@flow
async def ingest_region(region: str = "eu"):
    batch = await pull(region)
    return await dedupe(batch)


@task
def combine(batches):
    return {b["region"]: len(b["events"]) for b in batches}


@flow
async def ingest_world(regions: tuple[str, ...] = ("eu", "us")):
    batches = await asyncio.gather(*(ingest_region(r) for r in regions))
    extra = await ingest_region("apac")
    return combine([*batches, extra])


if __name__ == "__main__":
    asyncio.run(ingest_world())
