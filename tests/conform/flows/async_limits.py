"""A semaphore, create_task, wait_for and as_completed of asyncio around Prefect tasks."""

import asyncio

from prefect import flow, task


@task
async def get_profile(user):
    await asyncio.sleep(0.005)
    return {"user": user, "score": len(user)}


@task
async def get_limits():
    return {"parallel": 2}


@task
async def write_scores(profiles):
    return {p["user"]: p["score"] for p in profiles}


async def limited(semaphore, user):
    async with semaphore:
        return await get_profile(user)


@flow
async def score_users(users: list[str] = ["ida", "olav", "sunniva"]):
    limits = await asyncio.wait_for(get_limits(), timeout=20)
    semaphore = asyncio.Semaphore(limits["parallel"])
    running = [asyncio.create_task(limited(semaphore, user)) for user in users]
    profiles = []
    for finished in asyncio.as_completed(running):
        profiles.append(await finished)
    return await write_scores(sorted(profiles, key=lambda p: p["user"]))


if __name__ == "__main__":
    asyncio.run(score_users())
