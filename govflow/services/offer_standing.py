"""Whether a request could be asked for once and for several runs, and what the question would say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from govflow.approval import ApprovalRequest, RequestState
from govflow.errors import RequestError
from govflow.identity import Principal
from govflow.services.decide_approvals import other_policy, show_request
from govflow.services.stand import STANDING, stand
from govflow.services.workspace import Workspace
from govflow.telemetry import MASK, is_secret_name

_OFFERED_IN: Final = (RequestState.PENDING, RequestState.APPROVED, RequestState.EXERCISED)


@dataclass(frozen=True, slots=True)
class Offer:
    """What the approval rule of a request lets be proposed.

    Attributes:
        flow: what its approved plan is known by.
        step_id: the step.
        most_runs: how many at most.
        longest: for how long at most.
        where: the parameters of the call that later calls can be held to, with their values; secrets are not among
            them, nor is anything but text, numbers and flags.
    """

    flow: str
    step_id: str
    most_runs: int
    longest: timedelta
    where: Mapping[str, JsonValue]


def standing_offer(workspace: Workspace, request: ApprovalRequest) -> Offer | None:
    """What can be proposed; ``None`` where the rule has no standing terms, or it would be about something else.

    That is so for a request about a whole plan or about a standing approval, for one that was denied or is over, under
    another policy, and where the plan of the run is not the approved one any more.
    """
    terms = request.rule.standing
    if terms is None or request.rule.scope == "plan" or request.summary.get("wait") == STANDING:
        return None
    if request.state not in _OFFERED_IN or other_policy(workspace, request) is not None:
        return None
    held = workspace.store.plans.named(request.binding.tenant, request.binding.flow)
    plan = next((one for one in held if one.plan_hash == request.summary.get("plan_hash")), None)
    if plan is None or all(step.step_id != request.binding.step_id for step in plan.plan.steps):
        return None
    given = request.summary.get("parameters")
    return Offer(
        flow=plan.flow,
        step_id=request.binding.step_id,
        most_runs=terms.max_runs,
        longest=timedelta(seconds=terms.ttl_seconds),
        where={
            name: value for name, value in (given if isinstance(given, Mapping) else {}).items() if _ties(name, value)
        },
    )


def stand_for(
    workspace: Workspace,
    request_id: str,
    person: Principal,
    *,
    runs: int,
    life: timedelta,
    tied: frozenset[str],
    reason: str,
    now: datetime,
    new_id: str,
) -> ApprovalRequest:
    """Propose a standing approval of the step that a request is about; as :func:`govflow.services.stand.stand`.

    Args:
        workspace: whose store, tenant and policy.
        request_id: of a request that such an offer is made for.
        person: who proposes, and therefore does not answer.
        runs: how many runs it lets through.
        life: how long, from now; what the rule allows at most if it is longer.
        tied: names of parameters that have to have the value that they have in the request. The others may have any.
        reason: why, in the person's words.
        now: aware.
        new_id: unique.

    Raises:
        RequestError: there is no such request, or no such offer; a parameter cannot be held to its value; or the bounds
            are wider than the rule's.
    """
    offer = standing_offer(workspace, show_request(workspace, request_id).request)
    if offer is None:
        raise RequestError(
            "This cannot be approved for more than one run.",
            mend="The approval rule needs 'standing' terms, and plan and policy have to be those of the request.",
        )
    if unknown := sorted(tied - offer.where.keys()):
        raise RequestError(f"No call can be held to the value of {', '.join(unknown)}.", mend="Leave it out.")
    return stand(
        workspace,
        person,
        flow=offer.flow,
        step_id=offer.step_id,
        runs=runs,
        until=now + min(life, offer.longest),
        constraint={name: value for name, value in offer.where.items() if name in tied},
        reason=reason,
        now=now,
        new_id=new_id,
    )


def _ties(name: str, value: object) -> bool:
    """Whether later calls can be held to a value of the request: plain, and no secret; a part of it neither."""
    plain = value is None or isinstance(value, str | bool | int | float)
    return plain and not is_secret_name(name) and MASK not in str(value)
