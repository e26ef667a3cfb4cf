"""The policy in force: its rules, who is asked, what it was read from."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from govflow.approval.wording import who_may
from govflow.console.access import Here, Who
from govflow.console.pages import render
from govflow.services.show_policy import show_policy

router = APIRouter(include_in_schema=False)


@router.get("/policy", name="policy")
def policy(request: Request, signed_in: Who, workspace: Here) -> Response:
    """What decides here."""
    shown = show_policy(workspace)
    approvals = [(rule.name, [who_may(rule)]) for rule in shown.approvals]
    return render(request, "policy.html", signed_in=signed_in, section="policy", shown=shown, approvals=approvals)
