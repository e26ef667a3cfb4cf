"""What a type checker says of govflow's own options. Read by mypy; never run."""

from __future__ import annotations

from typing import assert_type

from prefect import Flow, Task
from prefect.assets import materialize

from govflow.prefect import GovernedFlow, GovernedTask, flow, task
from govflow.prefect.tasks import governed


@task(action="data:delete", provider="duckdb", resource="table://{table}", tier=3, approval="two", records="{rows}")
def purge(table: str, rows: int) -> int:
    return rows


@flow(action="data:write", resource="table://{table}", tier=2, approval="two", persist_result=True)
def clean(table: str) -> int:
    return purge(table, 1)


def copies() -> None:
    assert_type(purge("t", 1), int)
    assert_type(clean("t"), int)
    copied: GovernedTask[..., int] = purge.with_options(tier=3, retries=2)
    flow_copied: GovernedFlow[..., int] = clean.with_options(approval="one", name="other")
    bare: Task[..., int] = copied
    bare_flow: Flow[..., int] = flow_copied
    assert_type(purge.with_options(tier=3)("t", 1), int)
    assert_type(clean.with_options(tier=3)("t"), int)
    print(bare, bare_flow)


def adopted() -> None:
    @materialize("s3://bucket/table")
    def table(n: int) -> int:
        return n

    assert_type(governed(table)(1), int)


def wrong() -> None:
    task(tier="three")  # type: ignore[call-overload]
    flow(action=1)  # type: ignore[call-overload]
    purge.with_options(tier="three")  # type: ignore[arg-type]
    clean.with_options(records=1)  # type: ignore[call-arg]
