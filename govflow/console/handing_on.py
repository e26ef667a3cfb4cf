"""Letting somebody else answer in one's stead, seeing who does, and taking it back."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse

from govflow.console.access import Here, Who
from govflow.console.answers import Reason, given
from govflow.console.links import link
from govflow.console.outcomes import told
from govflow.console.pages import render
from govflow.console.people_at_hand import people_besides
from govflow.errors import NotEligible
from govflow.services.decide_approvals import show_request
from govflow.services.delegate import delegate, list_delegations, revoke_delegation

router = APIRouter(include_in_schema=False)

HOURS: Final = {"4": "4 hours", "24": "1 day", "72": "3 days", "168": "7 days"}
Hours = Annotated[Literal["4", "24", "72", "168"], Form()]
Name = Annotated[str, Form(max_length=128)]


@router.get("/delegations", name="delegations")
def delegations(request: Request, signed_in: Who, workspace: Here, said: str = "") -> Response:
    """Who answers for me, and for whom I do."""
    name = signed_in.principal.name
    found = list_delegations(workspace, datetime.now(UTC), person=name)
    return render(
        request,
        "delegations.html",
        signed_in=signed_in,
        section="delegations",
        given=[one for one in found if one.giver == name],
        taken=[one for one in found if one.taker == name],
        rules=sorted(name for name, rule in workspace.approvals.items() if rule.delegation is not None),
        people=people_besides(workspace, name),
        hours=HOURS,
        message=told(said),
    )


@router.post("/delegations", name="delegate")
def hand_on(
    request: Request, signed_in: Who, workspace: Here, to: Name, hours: Hours, rule: Name = "", reason: Reason = ""
) -> Response:
    """Let somebody answer the requests of one approval rule, or all, for a time."""
    now, person = datetime.now(UTC), signed_in.principal
    delegate(
        workspace,
        person,
        to.strip(),
        until=now + timedelta(hours=int(hours)),
        now=now,
        new_id=secrets.token_hex(8),
        rule=rule or None,
        reason=given(reason),
    )
    return RedirectResponse(link(request, "delegations", query={"said": "delegated"}), 303)


@router.post("/requests/{request_id}/delegations", name="delegate_request")
def hand_on_one(
    request: Request,
    request_id: Annotated[str, Path(max_length=100)],
    signed_in: Who,
    workspace: Here,
    to: Name,
    reason: Reason = "",
) -> Response:
    """Let somebody answer this one request, for as long as it can be answered."""
    now, person = datetime.now(UTC), signed_in.principal
    asked = show_request(workspace, request_id).request
    terms = asked.rule.delegation
    if terms is None:
        raise NotEligible(
            f"Approval rule {asked.rule.name!r} lets nobody delegate.", mend="Ask somebody whom the rule names."
        )
    until = min(asked.expires_at, now + timedelta(seconds=terms.ttl_seconds))
    delegate(
        workspace,
        person,
        to.strip(),
        until=until,
        now=now,
        new_id=secrets.token_hex(8),
        request_id=request_id,
        reason=given(reason),
    )
    return RedirectResponse(link(request, "request_page", query={"said": "delegated"}, request_id=request_id), 303)


@router.post("/delegations/{delegation_id}/end", name="end_delegation")
def take_back(
    request: Request, delegation_id: Annotated[str, Path(max_length=100)], signed_in: Who, workspace: Here
) -> Response:
    """End it, as who gave it or as who has it."""
    revoke_delegation(workspace, delegation_id, signed_in.principal, datetime.now(UTC))
    return RedirectResponse(link(request, "delegations", query={"said": "delegation-over"}), 303)
