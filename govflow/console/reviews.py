"""Emergencies: who let a step run alone, and what somebody else found when looking at it."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from govflow.console.access import Here, Who
from govflow.console.answers import Reason, given
from govflow.console.links import link
from govflow.console.pages import render
from govflow.console.request_page import Id
from govflow.services.break_glass import list_reviews, review

router = APIRouter(include_in_schema=False)


@router.get("/reviews", name="reviews")
def reviews(request: Request, signed_in: Who, workspace: Here, all: bool = False) -> Response:
    """Emergencies that wait for a review; with ``all`` those that were reviewed too."""
    now = datetime.now(UTC)
    found = list_reviews(workspace, now, reviewed=all)
    return render(request, "reviews.html", signed_in=signed_in, section="reviews", reviews=found, all=all)


@router.post("/requests/{request_id}/review", name="review")
def look_at_it(request: Request, request_id: Id, signed_in: Who, workspace: Here, reason: Reason = "") -> Response:
    """Say what came of looking at an emergency."""
    review(workspace, request_id, signed_in.principal, given(reason), datetime.now(UTC))
    return RedirectResponse(link(request, "request_page", query={"said": "reviewed"}, request_id=request_id), 303)
