"""The inbox: what waits for me, everything, and what was decided."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from govflow.approval import RequestState
from govflow.console.access import Here, Who
from govflow.console.live import Seen
from govflow.console.pages import render
from govflow.services.break_glass import list_reviews
from govflow.services.list_inbox import count_inbox, list_inbox
from govflow.store.inbox import View

router = APIRouter(include_in_schema=False)

PAGE = 50  # rows

Text = Annotated[str, Query(max_length=200)]
State = RequestState | Literal[""]
Tier = Literal["", "0", "1", "2", "3"]


@router.get("/", name="inbox")
def inbox(
    request: Request,
    signed_in: Who,
    workspace: Here,
    seen: Seen,
    view: View = "mine",
    q: Text = "",
    state: State = "",
    tier: Tier = "",
    flow: Text = "",
    before: Annotated[int | None, Query(ge=0, lt=2**62)] = None,
) -> Response:
    """Requests, newest first."""
    person, now = signed_in.principal, datetime.now(UTC)
    found = list_inbox(
        workspace,
        person,
        now,
        view=view,
        search=q,
        state=state or None,
        tier=int(tier) if tier else None,
        flow=flow or None,
        before=before,
        limit=PAGE,
    )
    filters = {"view": view, "q": q, "state": str(state), "tier": tier, "flow": flow}
    kept = {name: value for name, value in filters.items() if value}
    return render(
        request,
        "inbox.html",
        signed_in=signed_in,
        section="inbox",
        page=found,
        counts=count_inbox(workspace, person, now),
        emergencies=list_reviews(workspace, now),
        views=(("mine", "Waiting for me"), ("all", "All"), ("decided", "Decided")),
        states=[str(one) for one in RequestState],
        kept=kept,
        filters=filters,
        before=before,
        first=before is None,
        seen=seen,
    )
