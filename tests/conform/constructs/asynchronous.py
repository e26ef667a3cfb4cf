"""Asynchronous flows and what asyncio passes on."""

import asyncio

from prefect import flow, task


@task
async def a(x=None, y=None):
    return [f"a {x} {y}"]


@task
async def b(x=None, y=None):
    return [f"b {x} {y}"]


@task
def c(x=None, y=None):
    return [f"c {x} {y}"]


# CONSTRUCT: await
# STEPS: a#1, c#1, b#1
# EDGES: a#1 -> b#1, b#1 -> c#1
@flow
async def awaited():
    x = await a(1)
    c(await b(x))


# CONSTRUCT: await, coroutine in a variable
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
async def awaited_later():
    later = a(1)
    await b(await later)


# CONSTRUCT: await, .submit
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
async def submitted():
    x = a.submit(1)
    b.submit(x).wait()


# CONSTRUCT: await, .map
# STEPS: c#1, a#1*
# EDGES: a#1 -> c#1
@flow
async def mapped():
    c(a.map([1, 2]).result())


# CONSTRUCT: asyncio.gather
# STEPS: a#1, b#1, c#1, c#2
# EDGES: a#1 -> c#1, b#1 -> c#2
@flow
async def gathered():
    x, y = await asyncio.gather(a(1), b(2))
    c(x)
    c(y)


# CONSTRUCT: asyncio.gather, starred arguments, comprehension
# STEPS: a#1*, c#1
# EDGES: a#1 -> c#1
@flow
async def gathered_from_a_list():
    parts = await asyncio.gather(*[a(i) for i in range(3)])
    c(parts)


# CONSTRUCT: task group
# STEPS: a#1, b#1, c#1
# EDGES: a#1 -> c#1, b#1 -> c#1
@flow
async def grouped():
    async with asyncio.TaskGroup() as group:
        x = group.create_task(a(1))
        y = group.create_task(b(2))
    c(x.result(), y.result())


# CONSTRUCT: asyncio.create_task
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
async def created():
    x = asyncio.create_task(a(1))
    await b(await x)


# CONSTRUCT: asyncio.wait
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
async def waited():
    done, _ = await asyncio.wait([asyncio.create_task(a(1))])
    await b([one.result() for one in done])


# CONSTRUCT: asyncio.as_completed
# STEPS: a#1, a#2, b#1*
# EDGES: a#1 -> b#1, a#2 -> b#1
@flow
async def as_they_complete():
    for one in asyncio.as_completed([a(1), a(2)]):
        await b(await one)


# CONSTRUCT: asyncio.wait_for
# STEPS: b#1, a#1
# EDGES: a#1 -> b#1
@flow
async def waited_for():
    await b(await asyncio.wait_for(a(1), 60))


# CONSTRUCT: queue
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
async def queued():
    queue = asyncio.Queue()
    queue.put_nowait(await a(1))
    await b(await queue.get())


# CONSTRUCT: list
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
async def list_that_a_task_made():
    rows = await a(1)
    rows.append("more")
    await b(rows)


async def load(x):
    return await a(x)


# CONSTRUCT: helper function, await
# STEPS: b#1, load#1/a#1
# EDGES: load#1/a#1 -> b#1
@flow
async def awaited_helper():
    await b(await load(1))


@flow
async def child(x):
    return await b(x)


# CONSTRUCT: subflow, await
# STEPS: c#1, child#1, a#1
# EDGES: a#1 -> child#1, child#1 -> c#1
@flow
async def awaited_subflow():
    c(await child(await a(1)))


# CONSTRUCT: subflow, asyncio.gather
# STEPS: child#1, child#2, c#1, c#2
# EDGES: child#1 -> c#1, child#2 -> c#2
@flow
async def gathered_subflows():
    x, y = await asyncio.gather(child(1), child(2))
    c(x)
    c(y)


# CONSTRUCT: handed over
# STEPS: c#1*
@flow
async def in_a_thread():
    await asyncio.to_thread(c, 1)
