"""Answers: one request, or several at once. Everything that acts is a POST from a form of this console."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from govflow.approval import VoteDecision
from govflow.console.access import Here, Who
from govflow.console.answers import Answering, Answers, Reason, given
from govflow.console.links import link
from govflow.console.outcomes import told
from govflow.console.pages import render
from govflow.console.request_page import Id, page_of
from govflow.errors import GovflowError, VoteRefused
from govflow.services.own_part import too_late

router = APIRouter(include_in_schema=False)

MOST: Final = 50
"""Requests that are answered at once: a page of the inbox."""

_WORDS: Final[Mapping[str, VoteDecision]] = {"approve": VoteDecision.APPROVE, "deny": VoteDecision.DENY}

Decision = Annotated[Literal["approve", "deny"], Form()]


@router.post("/requests/{request_id}/votes", name="vote")
def vote(
    request: Request,
    request_id: Id,
    signed_in: Who,
    workspace: Here,
    answers: Answering,
    decision: Decision,
    reason: Reason = "",
) -> Response:
    """Say yes or no."""
    return _told(request, request_id, signed_in, workspace, lambda: answers.vote(request_id, _WORDS[decision], reason))


@router.post("/requests/{request_id}/break-glass", name="break_glass")
def alone(
    request: Request, request_id: Id, signed_in: Who, workspace: Here, answers: Answering, reason: Reason = ""
) -> Response:
    """Let the step run alone, in an emergency."""
    return _told(request, request_id, signed_in, workspace, lambda: answers.alone(request_id, reason))


@router.post("/requests/{request_id}/revocation", name="revoke")
def take_back(
    request: Request, request_id: Id, signed_in: Who, workspace: Here, answers: Answering, reason: Reason = ""
) -> Response:
    """Withdraw a question, or an approval that no run has used yet."""
    return _told(request, request_id, signed_in, workspace, lambda: answers.take_back(request_id, reason))


@dataclass(frozen=True, slots=True)
class Answered:
    """One of several requests, and what came of the answer to it."""

    request_id: str
    counted: bool
    text: str
    code: str = ""


@router.post("/votes", name="votes")
def votes(
    request: Request,
    signed_in: Who,
    answers: Answering,
    decision: Decision,
    request_id: Annotated[list[str], Form(max_length=MOST)],
    reason: Reason = "",
) -> Response:
    """The same answer to several requests. Each is judged and counted alone; one that does not count stops no other.

    What came of each is shown at once: it is not in an address that could be handed on. Sending the form again does
    no harm, for each person's answer counts once.
    """
    given(reason)
    results = [_answered(answers, one, decision, reason) for one in dict.fromkeys(request_id)]
    return render(request, "answered.html", signed_in=signed_in, results=results, decision=decision)


def _answered(answers: Answers, request_id: str, decision: str, reason: str) -> Answered:
    try:
        late = too_late(answers.workspace, request_id, answers.person, datetime.now(UTC))
        if late is not None:
            raise late
        words = answers.vote(request_id, _WORDS[decision], reason)
    except GovflowError as error:
        return Answered(request_id, False, f"{error.message} {error.mend}".strip(), error.code)
    return Answered(request_id, True, told(words))


def _told(request: Request, request_id: str, signed_in: Who, workspace: Here, act: Callable[[], str]) -> Response:
    """Post, redirect, get: loading the page again answers nothing again. What does not count is told there."""
    try:
        words = act()
    except VoteRefused as refusal:
        return page_of(request, request_id, signed_in, workspace, refusal=refusal)
    return RedirectResponse(link(request, "request_page", query={"said": words}, request_id=request_id), 303)
