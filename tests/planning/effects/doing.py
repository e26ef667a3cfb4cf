"""Short ways to say what the code of a task does."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from types import MappingProxyType

from govflow.ir.models import Plan, Step
from govflow.planning.planner import plan_flow
from govflow.planning.source import MemoryTree

NO_FILES: Mapping[str, str] = MappingProxyType({})


def plan_of(source: str, files: Mapping[str, str] = NO_FILES, flow: str = "main") -> Plan:
    """The plan of ``main`` of ``flows/f.py``."""
    return plan_flow(MemoryTree({"flows/f.py": textwrap.dedent(source), **files}), "flows/f.py", flow).plan


def task_doing(
    body: str,
    *,
    head: str = "",
    given: str = "x, y",
    call: str = "work(p, p)",
    files: Mapping[str, str] = NO_FILES,
    decorator: str = "@task",
) -> Plan:
    """The plan of a flow that calls one task ``work`` with this body."""
    source = (
        "from prefect import flow, task\n"
        + textwrap.dedent(head)
        + f"\n{decorator}\ndef work({given}):\n"
        + textwrap.indent(textwrap.dedent(body).strip() or "pass", "    ")
        + f"\n\n@flow\ndef main(p=None):\n    {call}\n"
    )
    return plan_of(source, files)


def work(plan: Plan) -> Step:
    """The step of the task ``work``."""
    return plan.step("main/work#1")


def told(step: Step) -> list[str]:
    """Each effect as ``action provider resource``, with ``!`` where there is no condition."""
    return [
        f"{effect.action} {effect.provider} {effect.resource}" + (" !" if effect.unbounded else "")
        for effect in step.effects
    ]


def effects(body: str, head: str = "", **options: object) -> list[str]:
    """What a task with this body does."""
    return told(work(task_doing(body, head=head, **options)))  # type: ignore[arg-type] # as task_doing


def codes(plan: Plan) -> list[str]:
    """Codes of the plan's findings."""
    return [finding.code for finding in plan.findings]
