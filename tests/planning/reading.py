"""Short ways to plan a source and to say what came out."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from types import MappingProxyType

from govflow.ir.models import Plan, StepKind
from govflow.planning.planner import plan_flow
from govflow.planning.source import MemoryTree

NO_FILES: Mapping[str, str] = MappingProxyType({})

TASKS = """
from prefect import flow, task, unmapped

@task
def a(x=None, y=None):
    return x

@task
def b(x=None, y=None):
    return x

@task
def c(x=None, y=None):
    return x
"""


def plan_of(body: str, *, head: str = TASKS, flow: str | None = "main", files: Mapping[str, str] = NO_FILES) -> Plan:
    """The plan of ``main`` of ``f.py``, a file with the tasks a, b and c and this body, beside other files."""
    tree = {"f.py": head + textwrap.dedent(body), **files}
    return plan_flow(MemoryTree(tree), "f.py", flow).plan


def in_flow(body: str) -> Plan:
    """The plan of a flow with this body and the parameters n and cb."""
    return plan_of("@flow\ndef main(n=1, cb=None):\n" + textwrap.indent(textwrap.dedent(body), "    "))


def in_async_flow(body: str) -> Plan:
    """The same, asynchronous."""
    return plan_of(
        "import asyncio\n@flow\nasync def main(n=1, cb=None):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    )


def steps(plan: Plan) -> dict[str, str]:
    """Step id without the flow's name, to multiplicity; the flow's body and hooks left out."""
    return {
        step.step_id.partition("/")[2]: step.multiplicity.value
        for step in plan.steps
        if step.kind not in (StepKind.BODY, StepKind.HOOK)
    }


def edges(plan: Plan) -> set[str]:
    """``a#1 -> b#1`` for data, ``a#1 ~> b#1`` for order."""
    arrow = {"data": "->", "order": "~>"}
    return {
        f"{edge.source.partition('/')[2]} {arrow[edge.kind.value]} {edge.target.partition('/')[2]}"
        for edge in plan.edges
    }


def reasons(plan: Plan) -> list[str]:
    """Why steps are unresolved."""
    return [step.reason or "" for step in plan.steps if step.kind is StepKind.UNRESOLVED]
