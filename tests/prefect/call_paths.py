"""A project that calls tasks and flows in every way there is. Loaded twice: with Prefect's decorators and with ours.

Every body notes which attempt it is, as Prefect counts it: what the audit log says is compared with these notes.
"""

from __future__ import annotations

from typing import Final

HEAD: Final = '''
"""A project that somebody else wrote."""
from __future__ import annotations
import asyncio
from datetime import timedelta
from prefect import unmapped
from prefect.cache_policies import INPUTS, NO_CACHE
from prefect.context import TaskRunContext
from prefect.futures import wait, as_completed
from prefect.transactions import transaction
from {origin} import flow, task

RAN = []
TOLD = []

def note():
    context = TaskRunContext.get()
    RAN.append((str(context.task_run.id), context.task_run.run_count))

@task
def add(x, y=1):
    note()
    return x + y

@task(retries=2, name="flaky task", retry_delay_seconds=0)
def flaky(key):
    note()
    if TaskRunContext.get().task_run.run_count < 3:
        raise ValueError("not yet")
    return key

@task
def fails():
    note()
    raise RuntimeError("on purpose")

@task(persist_result=True, cache_policy=INPUTS, cache_expiration=timedelta(minutes=5))
def kept(x, salt):
    note()
    return x

@task
def numbers(n):
    note()
    for i in range(n):
        yield i

@task
def stream(n):
    note()
    for i in range(n):
        yield add(i)

def told(*args):
    TOLD.append("told")

@task
async def slow(x):
    note()
    await asyncio.sleep(0)
    return x * 10

@task(retries=1)
async def slow_flaky(x):
    note()
    if TaskRunContext.get().task_run.run_count < 2:
        raise ValueError("not yet")
    return x

@task(persist_result=True, cache_policy=INPUTS)
async def slow_kept(x, salt):
    note()
    return x

@task
async def slow_stream(n):
    note()
    for i in range(n):
        yield await slow(i)

@task
async def slow_numbers(n):
    note()
    for i in range(n):
        yield i

class Box:
    size = 2

    @task
    def twice(self, x):
        note()
        return self.size * x

    @staticmethod
    @task
    def static(x):
        note()
        return x + 3

    @classmethod
    @task
    def klass(cls, x):
        note()
        return cls.size + x

    @task
    async def slow_twice(self, x):
        note()
        return self.size * x

    @flow
    def whole(self, x):
        return add(x, self.size)

def helper(x):
    return add(x, 100)

@task
def outer(x):
    note()
    return add(x) + add.submit(x).result()

@flow
def child(x: int) -> int:
    return add(x, 7)

@flow
async def slow_child(x: int) -> int:
    return await slow(x)

@flow
def counting(n: int):
    for i in range(n):
        yield add(i)

@flow
async def slow_counting(n: int):
    for i in range(n):
        yield await slow(i)

renamed = add.with_options(name="renamed", retries=1)
told_add = add.with_options(on_completion=[told], on_running=[told])
'''

SYNC: Final = {
    "direct": ("add(1)", 1),
    "state": ("named(add(1, return_state=True))", 1),
    "failed state": ("named(fails(return_state=True))", 1),
    "submit": ("add.submit(2).result()", 1),
    "submit state": ("named(add.submit(2, return_state=True))", 1),
    "map": ("add.map([1, 2, 3], unmapped(10)).result()", 3),
    "map state": ("[named(s) for s in add.map([1, 2], return_state=True)]", 2),
    "waits": ("add(1, wait_for=[5])", 1),
    "copy": ("renamed(1)", 2),
    "copy here": ("add.with_options(name='other').submit(1).result()", 1),
    "retries": ("flaky('a')", 3),
    "cached": ("[named(kept(1, salt, return_state=True)) for _ in range(2)]", 2),
    "cached submitted": ("[named(kept.submit(2, salt, return_state=True)) for _ in range(2)]", 2),
    "retries submitted": ("flaky.submit('b').result()", 3),
    "generator": ("list(numbers(3))", 1),
    "generator submitted": ("list(numbers.submit(3).result())", 1),
    "generator of tasks": ("list(stream(2))", 1),
    "generator of tasks submitted": ("list(stream.submit(2).result())", 1),
    "generator left early": ("next(iter(numbers(3)))", 1),
    "method": ("Box().twice(4)", 1),
    "method submitted": ("Box().twice.submit(4).result()", 1),
    "static method": ("Box.static(4)", 1),
    "class method": ("Box.klass(4)", 1),
    "helper": ("helper(1)", 1),
    "comprehension": ("[add(i) for i in range(2)]", 1),
    "in a task": ("outer(1)", 1),
    "hooks": ("told_add(1)", 2),
    "subflow": ("child(3)", 0),
    "subflow state": ("named(child(3, return_state=True))", 0),
    "subflow generator": ("list(counting(2))", 1),
    "flow method": ("Box().whole(3)", 0),
}
"""Paths from a sync flow: an expression, and how often a step of it is refused when the answer is no.

The run of a subflow whose step is certain to be refused is refused itself, before its first step."""

ASYNC: Final = {
    "awaited": ("await slow(1)", 1),
    "state": ("named(await slow(1, return_state=True))", 1),
    "submit": ("slow.submit(2).result()", 1),
    "map": ("slow.map([1, 2]).result()", 2),
    "gather": ("await asyncio.gather(slow(1), slow(2))", 2),
    "retries": ("await slow_flaky(1)", 2),
    "cached": ("[named(await slow_kept(1, salt, return_state=True)) for _ in range(2)]", 2),
    "generator": ("[i async for i in slow_numbers(3)]", 1),
    "generator of tasks": ("[i async for i in slow_stream(2)]", 1),
    "method": ("await Box().slow_twice(4)", 1),
    "sync task": ("add(1)", 1),
    "subflow": ("await slow_child(3)", 0),
    "sync subflow": ("child(3)", 0),
    "subflow generator": ("[i async for i in slow_counting(2)]", 1),
}

_FLOW: Final = """
def named(state):
    return (state.type.value, state.name)

@flow
{kind} {name}(wanted: list, salt: str) -> dict:
    found = {{}}
"""
_PATH: Final = """\
    if {name!r} in wanted:
        try:
            found[{name!r}] = {expression}
        except Exception as error:
            found[{name!r}] = type(error).__name__
"""


def project(origin: str) -> str:
    """The source, with decorators from ``origin``."""
    text = HEAD.format(origin=origin)
    for kind, name, paths in (("def", "sync_paths", SYNC), ("async def", "async_paths", ASYNC)):
        text += _FLOW.format(kind=kind, name=name)
        text += "".join(_PATH.format(name=path, expression=how) for path, (how, _) in paths.items())
        text += "    return found\n"
    return text
