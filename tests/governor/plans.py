"""Plans made by hand, for tests of what is above planning."""

from __future__ import annotations

from typing import Any

from govflow.identity import Principal
from govflow.ir.models import Edge, Plan, Step, StepKind

CODE = "sha256:" + "a" * 64
ALICE = Principal(name="alice")


def step(step_id: str, **fields: Any) -> Step:
    """A task step; its callee is the last part of its id."""
    callee = step_id.rpartition("/")[2].partition("#")[0]
    given = {"kind": StepKind.TASK, "callee": callee, "resource": f"task://flow/{callee}", "code": CODE, **fields}
    return Step(step_id=step_id, **given)


def plan(*steps: Step, edges: tuple[Edge, ...] = (), **fields: Any) -> Plan:
    """A plan of flow ``etl`` whose first step is its body."""
    body = step(
        "etl", kind=StepKind.BODY, callee="etl", action="flow:execute", provider="prefect", resource="flow://f/etl"
    )
    return Plan(flow="etl", file="flow.py", function="etl", steps=(body, *steps), edges=edges, **fields)
