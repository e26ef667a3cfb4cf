"""One request: what is asked, why, of whom, until when, and how to answer it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response

from govflow.approval import ApprovalRequest, RequestState
from govflow.console.access import Here, Who
from govflow.console.live import seen
from govflow.console.outcomes import told
from govflow.console.pages import render
from govflow.console.people_at_hand import people_besides
from govflow.console.standing_form import standing_form
from govflow.errors import RequestError, VoteRefused
from govflow.services.decide_approvals import other_policy
from govflow.services.describe.deciders import group_lines, stage_state, stead_lines
from govflow.services.describe.questions import covered_steps, request_facts, shown_parameters, vote_lines
from govflow.services.explain_run import stop_of
from govflow.services.own_part import own_part
from govflow.services.shown_request import shown_plan
from govflow.services.sign_in import SignedIn
from govflow.services.stand import in_force
from govflow.services.who_decides import Deciders, who
from govflow.services.workspace import Workspace

router = APIRouter(include_in_schema=False)

Id = Annotated[str, Path(max_length=100)]


@router.get("/requests/{request_id}", name="request_page")
def request_page(request: Request, request_id: Id, signed_in: Who, workspace: Here, said: str = "") -> Response:
    """The page."""
    return page_of(request, request_id, signed_in, workspace, message=told(said))


@router.get("/requests/{request_id}/plan.svg", name="plan_picture")
def plan_picture(request_id: Id, signed_in: Who, workspace: Here) -> Response:
    """The plan, drawn. The page has the same as a table."""
    plan = shown_plan(workspace, request_id)
    if plan is None:
        raise HTTPException(404, "The plan of this request is not kept here.")
    return Response(plan.svg(), media_type="image/svg+xml")


def page_of(
    request: Request,
    request_id: str,
    signed_in: SignedIn,
    workspace: Workspace,
    *,
    message: str = "",
    refusal: VoteRefused | None = None,
) -> Response:
    """The page, with what came of an answer: a message, or why it did not count."""
    person, now = signed_in.principal, datetime.now(UTC)
    read = seen(workspace)
    deciders = who(workspace, request_id, now)
    asked, votes = deciders.question.request, deciders.question.votes
    pending = asked.state is RequestState.PENDING
    return render(
        request,
        "request.html",
        status=409 if refusal else 200,
        signed_in=signed_in,
        asked=asked,
        facts=request_facts(asked, votes),
        covered=covered_steps(asked),
        parameters=shown_parameters(asked),
        votes=vote_lines(votes),
        plan=shown_plan(workspace, request_id),
        pending=pending,
        over=pending and now >= asked.expires_at,
        mismatch=other_policy(workspace, asked),
        mine=own_part(workspace, deciders, person, now),
        deciders=deciders,
        stages=_stages(deciders),
        stead=stead_lines(deciders),
        people=people_besides(workspace, person.name, asked.requester, *asked.owners),
        standing=_standing(workspace, asked, now),
        stop=None if pending else stop_of(workspace, asked, votes),
        more_runs=standing_form(workspace, asked),
        why_closed=workspace.store.approvals.why(request_id),
        message=message,
        refusal=refusal,
        seen=read,
    )


def _stages(deciders: Deciders) -> list[dict[str, Any]]:
    """Stages with their groups, in the words of ``govflow approvals who``."""
    return [
        {
            "name": stage.name,
            "state": stage.state,
            "said": stage_state(stage),
            "groups": [
                {
                    "name": group.name,
                    "given": min(len(group.given), group.required),
                    "required": group.required,
                    "lines": group_lines(group, may),
                }
                for group, may in zip(stage.groups, people, strict=True)
            ],
        }
        for stage, people in zip(deciders.progress.stages, deciders.may, strict=True)
    ]


def _standing(workspace: Workspace, asked: ApprovalRequest, now: datetime) -> dict[str, Any] | None:
    """What a standing approval is good for; None for a request of one run."""
    if asked.summary.get("wait") != "standing":
        return None
    try:
        standing, request = workspace.store.standing.get(asked.request_id)
    except RequestError:
        return None
    return {
        "used": standing.used,
        "runs": standing.max_runs,
        "until": standing.expires_at,
        "is": in_force(workspace, standing, request, now),
    }
