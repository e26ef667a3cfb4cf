"""What a plan allows of each step, apart from what a policy says: its hash, how often, and after which steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from govflow.ir.counts import most_calls
from govflow.ir.hashing import step_hashes
from govflow.ir.models import Plan


@dataclass(frozen=True, slots=True)
class Allowed:
    """The part of a permitted step that its plan decides."""

    step_hash: str
    count: int | None
    parents: tuple[str, ...]


def allowed_steps(plan: Plan, hashes: Mapping[str, str] | None = None) -> dict[str, Allowed]:
    """Step id to what ``plan`` allows of it.

    Args:
        plan: read from source, or approved.
        hashes: ``step_hashes(plan)``, where the caller has it already.

    Raises:
        CanonicalError: the plan has no hash.
    """
    known = step_hashes(plan) if hashes is None else hashes
    parents: dict[str, set[str]] = {}
    for edge in plan.edges:
        parents.setdefault(edge.target, set()).add(edge.source)
    steps = {step.step_id: step for step in plan.steps}
    return {
        step.step_id: Allowed(
            known[step.step_id], most_calls(steps.get, step.step_id), tuple(sorted(parents.get(step.step_id, ())))
        )
        for step in plan.steps
    }
