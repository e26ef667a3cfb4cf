"""A sync flow that starts an event loop of its own for the async half of the work."""

import asyncio

from prefect import flow, task


@task
def list_feeds():
    return ["news", "sport"]


@task
async def fetch_feed(name):
    await asyncio.sleep(0)
    return {"feed": name, "items": len(name)}


@task
def rank(feeds):
    return sorted(feeds, key=lambda f: -f["items"])


async def fetch_many(names):
    return await asyncio.gather(*map(fetch_feed, names))


@flow
def refresh_feeds():
    names = list_feeds()
    feeds = asyncio.run(fetch_many(names))
    return rank(list(feeds))


if __name__ == "__main__":
    refresh_feeds()
