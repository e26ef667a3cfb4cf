"""What a type checker says of a project that uses govflow: the same as of Prefect. Read by mypy; never run."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, assert_type

from prefect.client.schemas.objects import State
from prefect.futures import PrefectDistributedFuture, PrefectFuture, PrefectFutureList

from govflow.prefect import flow, task


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task(name="bracketed", retries=2, tags=["a"], cache_result_in_memory=False)
def bracketed(x: int) -> str:
    return str(x)


@task()
def empty_brackets(x: int) -> str:
    return str(x)


@task
async def slow(x: int) -> str:
    return str(x)


@task(timeout_seconds=3)
async def slow_bracketed(x: int) -> str:
    return str(x)


@flow
def child(x: int) -> float:
    return float(x)


@flow(name="bracketed", retries=1, log_prints=True)
def child_bracketed(x: int) -> bytes:
    return bytes(x)


@flow
async def slow_child(x: int) -> float:
    return float(x)


@flow(name="bracketed too")
async def slow_child_bracketed(x: int) -> bytes:
    return bytes(x)


@flow
def tasks_without_waiting() -> None:
    assert_type(add(1), int)
    assert_type(add(1, y=2), int)
    assert_type(bracketed(1), str)
    assert_type(empty_brackets(1), str)
    assert_type(add(1, return_state=True), State[int])
    assert_type(add(1, wait_for=[1]), int)
    assert_type(add.fn(1), int)
    assert_type(add.submit(1), PrefectFuture[int])
    assert_type(add.submit(1).result(), int)
    assert_type(bracketed.submit(1).result(), str)
    assert_type(add.submit(1, return_state=True), State[int])
    assert_type(add.map([1, 2]), PrefectFutureList[int])
    assert_type(add.map([1, 2]).result(), list[int])
    assert_type(add.map([1, 2], return_state=True), list[State[int]])
    assert_type(add.delay(1), PrefectDistributedFuture[int])
    assert_type(add.with_options(name="other", retries=3)(1), int)


@flow
async def tasks_with_waiting() -> None:
    assert_type(slow(1), Coroutine[Any, Any, str])  # type: ignore[unused-coroutine]
    assert_type(await slow(1), str)
    assert_type(await slow_bracketed(1), str)
    assert_type(await slow.with_options(retries=3)(1), str)
    # What mypy makes of Prefect here is not what happens at run time; it is Prefect's own answer.
    assert_type(slow.submit(1), PrefectFuture[Coroutine[Any, Any, str]])
    assert_type(await slow.submit(1).result(), str)
    assert_type(slow.map([1]), PrefectFutureList[Coroutine[Any, Any, str]])


async def flows() -> None:
    assert_type(child(1), float)
    assert_type(child_bracketed(1), bytes)
    assert_type(child(1, return_state=True), State[float])
    assert_type(child.with_options(name="other", retries=3)(1), float)
    assert_type(slow_child(1), Coroutine[Any, Any, float])  # type: ignore[unused-coroutine]
    assert_type(await slow_child(1), float)
    assert_type(await slow_child_bracketed(1), bytes)
    assert_type(slow_child(1, return_state=True), Awaitable[State[float]])


class Box:
    @staticmethod
    @task
    def static(x: int) -> int:
        return x


def methods() -> None:
    assert_type(Box.static(1), int)


def wrong() -> None:
    add("one")  # type: ignore[call-overload]
    add(1, 2, 3)  # type: ignore[call-overload]
    add.submit("one")  # type: ignore[call-overload]
    child("one")  # type: ignore[call-overload]
    task(retries="two")  # type: ignore[call-overload]
    flow(retries="two")  # type: ignore[call-overload]
    task(no_such_option=1)  # type: ignore[call-overload]
    flow(no_such_option=1)  # type: ignore[call-overload]
    add.with_options(retries="two")  # type: ignore[arg-type]
    child.with_options(no_such_option=1)  # type: ignore[call-arg]
