"""A run that another process opened, rebuilt from its permit: nothing is decided anew, everything is compared."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NoReturn

from govflow.errors import PermitInvalid
from govflow.governor.assess import assess
from govflow.governor.governed_run import GovernedRun, RunFacts
from govflow.governor.governed_run import Permit as Granted
from govflow.governor.port import RunRow
from govflow.governor.run import step_permit
from govflow.ir.hashing import plan_hash
from govflow.permits.models import Permit, PermittedStep


def adopt_run(facts: RunFacts, permit: Permit, row: RunRow | None, now: datetime) -> GovernedRun:
    """The open run, as the process of its flow has it.

    Args:
        facts: what this process knows: the plan that the permit's manifest holds, and this machine's policy and tiers.
        permit: verified, and for this run.
        row: what the store keeps of the run; approvals need it.
        now: the time, aware.

    Raises:
        PermitInvalid: what this process knows is not what the run was decided on; ``details["cause"]`` says what.
    """
    ground, plan = facts.ground, facts.plan
    if plan is None:
        _differ("plan", "its plan is not here", "Let this process reach the governance database of the flow's process.")
    if (permit.tenant, permit.environment) != (ground.tenant, ground.environment):
        _differ(
            "settings",
            f"it is for tenant {permit.tenant!r} in {permit.environment!r}; this process is of {ground.tenant!r} in"
            f" {ground.environment!r}",
            "Give the worker the GOVFLOW_TENANT and GOVFLOW_ENVIRONMENT of the flow's process.",
        )
    if permit.policy_digest != ground.engine.digest:
        _differ(
            "policy",
            "another policy decided than the one of this machine",
            "Give the worker the policy file of the flow's process; a run under the one before has to start again.",
        )
    if permit.plan_hash != plan_hash(plan):
        _differ("plan", "it is for another plan", "Run the flow again.")
    if row is not None and row.ir_hash != permit.ir_hash:
        _differ("run", "the database has another run under this id", "Look at GOVFLOW_DATABASE_URL of the worker.")
    assessment = assess(plan, ground, facts.requester, now)
    granted = {step.step_id: step_permit(step, assessment.steps[step.step_id], facts) for step in plan.steps}
    _compare(granted, permit)
    return GovernedRun(facts, permit.ir_hash, permit.plan_hash, granted, row, shared=True)


def _compare(granted: Mapping[str, Granted], permit: Permit) -> None:
    """Each step has the hash, tier and verdict that were signed; a fleeting verdict may be another now."""
    for step_id in sorted(granted.keys() | permit.steps.keys()):
        here, signed = granted.get(step_id), permit.steps.get(step_id)
        if here is None or signed is None or not _is_signed(here, signed):
            _differ(
                "step",
                f"it does not allow step {step_id} as this process knows it",
                "Tier rules and govflow must be the same on the worker as in the flow's process.",
            )


def _is_signed(here: Granted, signed: PermittedStep) -> bool:
    if (here.step_hash, here.assessment.tier) != (signed.step_hash, signed.tier):
        return False
    return here.assessment.fleeting or here.assessment.verdict is signed.verdict


def _differ(cause: str, why: str, mend: str) -> NoReturn:
    raise PermitInvalid(
        f"The permit of this run does not fit this process: {why}.", mend=mend, details={"cause": cause}
    )
