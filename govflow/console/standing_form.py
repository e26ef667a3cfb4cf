"""Proposing a standing approval from the page of a request: the step, as it was asked for, in more than one run."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse

from govflow.approval import ApprovalRequest
from govflow.console.access import Here, Who
from govflow.console.answers import Reason, given
from govflow.console.links import link
from govflow.services.describe.escape import values
from govflow.services.offer_standing import Offer, stand_for, standing_offer
from govflow.services.workspace import Workspace

router = APIRouter(include_in_schema=False)

_SPANS: Final = {4: "4 hours", 24: "1 day", 72: "3 days", 168: "7 days", 720: "30 days"}
"""Hours to what they are called."""
_AS_LONG: Final = 24 * 3660  # hours: ten years, more than a rule may say
_MOST_NAMES: Final = 100  # of a step's parameters


@dataclass(frozen=True, slots=True)
class StandingForm:
    """What the form shows: runs at most, spans with their hours, parameters with their values."""

    most_runs: int
    spans: tuple[tuple[int, str], ...]
    where: dict[str, str]


def standing_form(workspace: Workspace, request: ApprovalRequest) -> StandingForm | None:
    """The form for a request; ``None`` where nothing is to be offered."""
    offer = standing_offer(workspace, request)
    return None if offer is None else StandingForm(offer.most_runs, _spans(offer), values(offer.where))


def _spans(offer: Offer) -> tuple[tuple[int, str], ...]:
    shorter = [(hours, words) for hours, words in _SPANS.items() if timedelta(hours=hours) < offer.longest]
    return (*shorter, (_AS_LONG, "as long as the rule allows"))


@router.post("/requests/{request_id}/standing", name="propose_standing")
def propose(
    request: Request,
    request_id: Annotated[str, Path(max_length=100)],
    signed_in: Who,
    workspace: Here,
    runs: Annotated[int, Form(ge=1, le=2**31)],
    hours: Annotated[int, Form(ge=1, le=_AS_LONG)],
    tied: Annotated[list[str] | None, Form(max_length=_MOST_NAMES)] = None,
    reason: Reason = "",
) -> Response:
    """Put it to people, and go to the page of the new request."""
    asked = stand_for(
        workspace,
        request_id,
        signed_in.principal,
        runs=runs,
        life=timedelta(hours=hours),
        tied=frozenset(tied or ()),
        reason=given(reason),
        now=datetime.now(UTC),
        new_id=str(uuid.uuid4()),
    )
    return RedirectResponse(link(request, "request_page", query={"said": "proposed"}, request_id=asked.request_id), 303)
