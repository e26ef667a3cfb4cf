"""Calls whose answer no parameter can change: they are granted at once and wait for nothing."""

from __future__ import annotations

from govflow.governor.assess import StepAssessment
from govflow.governor.call import Call, Grant
from govflow.governor.conformance import limit_of, rewired_value
from govflow.governor.governed_run import GovernedRun
from govflow.ir.models import Tier
from govflow.policy.model import Verdict


def warm(run: GovernedRun, call: Call) -> Grant | None:
    """The grant of a call that needs no decision of its own; None when it does."""
    if len(call.step_ids) != 1 or call.unbound is not None or call.refused is not None or run.stopped is not None:
        return None
    if call.named and rewired_value(run, call.step_ids, call.named, call.is_same) is not None:
        return None
    (step_id,) = call.step_ids
    permit = run.permits.get(step_id)
    if permit is None or not permit.static or (run.shared and is_once(run, call)):
        return None
    assessment = permit.assessment if call.fan_out is None else permit.by_fan_out.get(call.fan_out)
    if assessment is None or not settled(assessment) or not count(run, call):
        return None
    return Grant(permit, call, assessment)


def may_wait(run: GovernedRun, step_ids: frozenset[str]) -> bool:
    """Whether a call of these steps may have to wait for people."""
    permits = [run.permits[step_id] for step_id in step_ids if step_id in run.permits]
    return run.enforce and not all(permit.static and settled(permit.assessment) for permit in permits)


def settled(assessment: StepAssessment) -> bool:
    """The answer is yes and nobody has to wait for a record."""
    return assessment.verdict is Verdict.PASS and assessment.tier < Tier.MEDIUM


def is_once(run: GovernedRun, call: Call) -> bool:
    """Whether the plan has the step once: then all processes of a run count together. Others count where they call."""
    return limit_of(run, call.step_ids) == len(call.step_ids)


def count(run: GovernedRun, call: Call) -> bool:
    """Note this task run; False when as many others as the plan allows were it already."""
    limit = limit_of(run, call.step_ids)
    if limit is None:
        return True
    with run.lock:
        seen = run.counts.setdefault(call.step_ids, set())
        if call.task_run_id not in seen and len(seen) >= limit:
            return False
        seen.add(call.task_run_id)
    return True
