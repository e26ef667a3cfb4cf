"""Standing approvals: what people let through more than once, and where that ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue

from govflow.approval.models import Standing
from govflow.approval.people import same_person
from govflow.errors import CanonicalError
from govflow.ir.canonical import canonical


def why_not_covered(
    standing: Standing,
    *,
    plan_hash: str,
    policy_digest: str,
    flow: str,
    step_id: str,
    parameters: Mapping[str, JsonValue],
    requester: str,
    now: datetime,
) -> str | None:
    """Why a standing approval does not cover a call, in words; ``None`` if it does.

    Values of parameters are not repeated: they may be personal.

    Args:
        standing: as the store last saw it. Each name of its constraint must be a parameter whose value is the one
            given, or one of a list of values; a parameter that it does not name may be anything.
        plan_hash: of the flow as it is loaded.
        policy_digest: of the policy that judges now.
        flow: of the run.
        step_id: of the call.
        parameters: of the call, as JSON values.
        requester: of the run; whoever approved the standing approval cannot use it for runs of their own.
        now: aware.
    """
    if not standing.approved_by:
        return "nobody has approved it"
    if now >= standing.expires_at:
        return f"it ended at {standing.expires_at:%Y-%m-%d %H:%M UTC}"
    if standing.used >= standing.max_runs:
        return f"it was used {standing.used} times, and is good for {standing.max_runs}"
    if (standing.flow, standing.step_id) != (flow, step_id):
        return f"it is for step {standing.step_id} of {standing.flow}"
    if standing.plan_hash != plan_hash:
        return "the plan has changed since it was approved"
    if standing.policy_digest != policy_digest:
        return "the policy has changed since it was approved"
    if any(same_person(requester, name) for name in standing.approved_by):
        return f"{requester} approved it, and asks for this run"
    for name, wanted in standing.constraint.items():
        if name not in parameters:
            return f"the call has no parameter {name!r}"
        choices = wanted if isinstance(wanted, list | tuple) else [wanted]
        if not any(_equal(parameters[name], choice) for choice in choices):
            return f"parameter {name!r} has a value that it does not cover"
    return why_refused(standing)


def why_refused(standing: Standing) -> str | None:
    """Why a standing approval lets nothing through any more, whatever it covers; ``None`` if it does."""
    if not standing.withdrawn:
        return None
    return f"the yes of {' and '.join(standing.withdrawn)} counts no more: deactivated since"


def _equal(one: JsonValue, other: JsonValue) -> bool:
    """Whether two values are one JSON value: ``1`` and ``1.0`` are, ``1`` and ``true`` are not."""
    try:
        return canonical({"value": one}) == canonical({"value": other})
    except CanonicalError:
        return False
