"""REST: who decides, delegations, standing approvals, and emergencies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Request

from govflow.approval.models import Delegation
from govflow.console.api_access import PREFIX, Asker, Here
from govflow.console.api_errors import ApiRoute, problems
from govflow.console.api_models import (
    DecidersAnswer,
    DelegationBody,
    Delegations,
    InStead,
    LeftOut,
    ReasonBody,
    RequestAnswer,
    ReviewAnswer,
    Reviews,
    StandingAnswer,
    StandingApprovals,
    StandingBody,
    VoteAnswer,
)
from govflow.console.api_requests import RequestId, told_of
from govflow.console.ground import ground_of
from govflow.services.break_glass import break_glass, list_reviews, review
from govflow.services.decide_approvals import show_request
from govflow.services.delegate import delegate, list_delegations, revoke_delegation
from govflow.services.resume_run import is_gone, resume_run
from govflow.services.stand import in_force, list_standing, stand
from govflow.services.who_decides import who as who_decides
from govflow.store.reviews import Review

router: Final = APIRouter(prefix=PREFIX, tags=["rights"], route_class=ApiRoute)


@router.get("/requests/{request_id}/who", summary="Who may decide a request", responses=problems(404))
def deciders(request_id: RequestId, _who: Asker, here: Here) -> DecidersAnswer:
    """Whose yes would count now, who may answer for others, and who cannot answer and why."""
    found = who_decides(here, request_id, datetime.now(UTC))
    return DecidersAnswer(
        needed=found.progress.needed,
        asks=tuple(sorted(found.progress.asks)),
        now=found.now,
        anyone=found.anyone,
        stead=tuple(InStead(name=one.name, through=one.through) for one in found.stead),
        alone=found.alone,
        excluded=tuple(LeftOut(name=one.name, why=one.why) for one in found.excluded),
    )


@router.post(
    "/requests/{request_id}/break-glass", summary="Let it run, in an emergency", responses=problems(403, 404, 409, 429)
)
def emergency(request_id: RequestId, body: ReasonBody, request: Request, who: Asker, here: Here) -> VoteAnswer:
    """Approve alone, where the approval rule names you for that. Somebody else has to review it afterwards."""
    gone = is_gone(here.store, show_request(here, request_id).request)
    question = break_glass(here, request_id, who.principal, body.reason, datetime.now(UTC))
    sequel = resume_run(here.store, question.request, ground_of(request).engine, gone=gone)
    return VoteAnswer(**told_of(here, question), resumed=sequel.words)


@router.post("/requests/{request_id}/review", summary="Review an emergency", responses=problems(403, 404, 409))
def look_at(request_id: RequestId, body: ReasonBody, who: Asker, here: Here) -> ReviewAnswer:
    """Say what you found about a request that somebody approved alone; `reason` holds the finding."""
    return _review(review(here, request_id, who.principal, body.reason, datetime.now(UTC)))


@router.get("/reviews", summary="List emergencies", responses=problems())
def reviews(
    _who: Asker,
    here: Here,
    reviewed: Annotated[bool, Query(description="Also those that were reviewed.")] = False,
) -> Reviews:
    """Emergencies that wait for a review."""
    return Reviews(reviews=tuple(map(_review, list_reviews(here, datetime.now(UTC), reviewed=reviewed))))


def _review(found: Review) -> ReviewAnswer:
    return ReviewAnswer(**{name: getattr(found, name) for name in ReviewAnswer.model_fields})


@router.get("/delegations", summary="List your delegations", responses=problems())
def delegations(who: Asker, here: Here) -> Delegations:
    """Delegations that you gave or take."""
    found = list_delegations(here, datetime.now(UTC), person=who.principal.name)
    return Delegations(delegations=tuple(found))


@router.post("/delegations", summary="Delegate", responses=problems(403, 404, 409))
def hand_on(body: DelegationBody, who: Asker, here: Here) -> Delegation:
    """Let somebody answer in your stead. It widens nothing: the approval rule must name you, and allow it."""
    return delegate(
        here,
        who.principal,
        body.to,
        until=body.until,
        now=datetime.now(UTC),
        new_id=str(uuid4()),
        request_id=body.request_id,
        rule=body.rule,
        depth=body.depth,
        reason=body.reason,
    )


@router.post("/delegations/{delegation_id}/revocation", summary="Take a delegation back", responses=problems(403, 404))
def take_hand_back(
    delegation_id: Annotated[str, Path(max_length=200, description="Of the delegation.")], who: Asker, here: Here
) -> Delegation:
    """End a delegation that you gave or take. Votes that were cast through it stay."""
    return revoke_delegation(here, delegation_id, who.principal, datetime.now(UTC))


@router.get("/standing", summary="List standing approvals", responses=problems())
def standing(
    _who: Asker, here: Here, limit: Annotated[int, Query(ge=1, le=200, description="How many.")] = 50
) -> StandingApprovals:
    """Standing approvals, and what each is good for now."""
    now = datetime.now(UTC)
    return StandingApprovals(
        standing=tuple(
            StandingAnswer(standing=one, state=asked.state, good_for=in_force(here, one, asked, now))
            for one, asked in list_standing(here, limit)
        )
    )


@router.post("/standing", summary="Propose a standing approval", responses=problems(409))
def propose(body: StandingBody, who: Asker, here: Here) -> RequestAnswer:
    """Ask people to let a step run more than once. It is a request like any other, and in force once it is approved."""
    asked = stand(
        here,
        who.principal,
        flow=body.flow,
        step_id=body.step_id,
        runs=body.runs,
        until=body.until,
        constraint=body.where,
        reason=body.reason,
        now=datetime.now(UTC),
        new_id=str(uuid4()),
    )
    return RequestAnswer(**told_of(here, show_request(here, asked.request_id)))
