"""Telling people that somebody else lets them answer in their stead: which places are told, and what they are told."""

from __future__ import annotations

from datetime import datetime

from govflow.approval.models import ApprovalRequest, Delegation
from govflow.approval.people import same_person
from govflow.approval.selectors import USER
from govflow.notify_settings import Target
from govflow.services.describe.delegations import covers
from govflow.services.describe.messages import Text, quiet
from govflow.services.describe.questions import moment
from govflow.services.links import console_page
from govflow.services.workspace import Workspace


def places_of(workspace: Workspace, delegation: Delegation, now: datetime) -> list[str]:
    """The targets that are told: those that name the taker, and those that are told of everything.

    A place of a role is none of them: its people are not asked anything by it.
    """
    if delegation_is_over(delegation, now):
        return []
    return [name for name, one in workspace.settings.notify.items() if _is_told(one, delegation.taker)]


def delegation_is_over(delegation: Delegation, now: datetime) -> bool:
    """Whether there is nothing left to tell: it was taken back, or its time is over."""
    return delegation.revoked_at is not None or delegation.expires_at <= now


def taker_text(delegation: Delegation, link: str) -> Text:
    """The message: who handed what over, until when, and where it is answered. Never a token.

    Args:
        delegation: one that is in force.
        link: to the request, or to the delegations; empty where nobody knows one.
    """
    giver, taker, until = quiet(delegation.giver), quiet(delegation.taker), moment(delegation.expires_at)
    lines = [f"{taker} may answer {quiet(covers(delegation))} in the stead of {giver} until {until}."]
    if delegation.reason:
        lines.append(f"{giver} says: {quiet(delegation.reason)}")
    if delegation.depth:
        times = "once" if delegation.depth == 1 else f"{delegation.depth} times"
        lines.append(f"It may be handed on {times}.")
    lines.append(f"An answer is {taker}'s own, and on record as given in the stead of {giver}.")
    if link:
        lines += ["", f"Read and answer it: {link}" if delegation.request_id else f"What was handed over: {link}"]
    return Text(f"{giver} lets {taker} answer until {until}", "\n".join(lines))


def link_of(workspace: Workspace, delegation: Delegation) -> str:
    """The console's page of what was handed over; empty where nobody said where the console is."""
    if delegation.request_id:
        return console_page(workspace.settings, "requests", delegation.request_id)
    return console_page(workspace.settings, "delegations")


def request_of(workspace: Workspace, delegation: Delegation) -> ApprovalRequest | None:
    """The one request that was handed over; None for a delegation of more."""
    return workspace.store.approvals.get(delegation.request_id) if delegation.request_id else None


def _is_told(target: Target, taker: str) -> bool:
    if not target.people and not target.selectors:
        return True
    named = [*target.people, *(one.removeprefix(USER) for one in target.selectors if one.startswith(USER))]
    return any(same_person(name, taker) for name in named)
