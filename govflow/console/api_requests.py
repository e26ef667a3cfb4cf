"""REST: approval requests, and answers to them."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import SecretStr

from govflow.approval import RequestState
from govflow.console.api_access import PREFIX, Asker, Here
from govflow.console.api_errors import ApiRoute, problems
from govflow.console.api_models import (
    NEWEST,
    ListedRequest,
    ReasonBody,
    RequestAnswer,
    Requests,
    StopAnswer,
    Token,
    TokenVoteAnswer,
    TokenVoteBody,
    VoteAnswer,
    VoteBody,
)
from govflow.console.client_limit import client_key
from govflow.console.ground import ground_of
from govflow.errors import RequestError
from govflow.services.cast_answer import cast_answer, refuse_unknown
from govflow.services.decide_approvals import Question, decide, mint_token, show_request
from govflow.services.explain_run import stop_of_request
from govflow.services.list_inbox import list_inbox
from govflow.services.resume_run import is_gone, resume_run
from govflow.services.revoke_approval import revoke
from govflow.services.workspace import Workspace
from govflow.telemetry import redact

router: Final = APIRouter(prefix=f"{PREFIX}/requests", tags=["requests"], route_class=ApiRoute)

RequestId = Annotated[str, Path(description="Of the request.", max_length=200)]
Tier = Annotated[int | None, Query(ge=0, le=3, description="Of this tier only.")]
Before = Annotated[int | None, Query(ge=0, le=2**62, description=NEWEST)]
Limit = Annotated[int, Query(ge=1, le=200, description="Rows of the page.")]


@router.get("", summary="List requests", responses=problems())
def list_requests(
    who: Asker,
    here: Here,
    view: Annotated[
        Literal["mine", "all", "decided"],
        Query(description="`mine`: those that ask you; `all`; `decided`: all but the pending ones."),
    ] = "mine",
    state: Annotated[RequestState | None, Query(description="In this state only.")] = None,
    tier: Tier = None,
    flow: Annotated[str | None, Query(max_length=500, description="Of this flow only, by its whole name.")] = None,
    search: Annotated[
        str,
        Query(max_length=200, description="A part of flow, step, run, requester, action or resource, in any case."),
    ] = "",
    before: Before = None,
    limit: Limit = 50,
) -> Requests:
    """A page of requests, newest first."""
    page = list_inbox(
        here,
        who.principal,
        datetime.now(UTC),
        view=view,
        search=search,
        state=state,
        tier=tier,
        flow=flow,
        before=before,
        limit=limit,
    )
    rows = tuple(ListedRequest(**{k: v for k, v in asdict(row).items() if k != "ordinal"}) for row in page.rows)
    return Requests(requests=rows, next=page.next)


@router.get("/{request_id}", summary="Show a request", responses=problems(404))
def show(request_id: RequestId, _who: Asker, here: Here) -> RequestAnswer:
    """What is asked, why, of whom, until when, and who has answered so far."""
    return RequestAnswer(**told_of(here, show_request(here, request_id)))


@router.post("/{request_id}/votes", summary="Approve or deny", responses=problems(403, 404, 409, 429))
def vote(request_id: RequestId, body: VoteBody, request: Request, who: Asker, here: Here) -> VoteAnswer:
    """Count your answer, once. The requester of a run never counts, and one person has one vote.

    A vote that is sent again is answered with `already-voted` (409): the first one counts.
    """
    gone = is_gone(here.store, show_request(here, request_id).request)
    question = decide(here, request_id, who.principal, body.decision, body.reason, datetime.now(UTC))
    sequel = resume_run(here.store, question.request, ground_of(request).engine, gone=gone)
    return VoteAnswer(**told_of(here, question), resumed=sequel.words)


@router.post("/{request_id}/answers", summary="Approve or deny with a token", responses=problems(403, 409, 429))
def vote_with_token(request_id: RequestId, body: TokenVoteBody, request: Request, here: Here) -> TokenVoteAnswer:
    """Count the answer of the person for whom a token was made. Nobody has to be signed in.

    A token that is unknown, used, over, or for something else gets one answer, `token-invalid` (403), and
    after too many of them `too-many-attempts` (429). So does a request that is not there.
    """
    caller = f"address:{client_key(request.client.host if request.client else '')}"
    now, token = datetime.now(UTC), SecretStr(body.token)
    try:
        asked = show_request(here, request_id).request
    except RequestError:
        refuse_unknown(here, token, now, caller=caller)
    gone = is_gone(here.store, asked)
    answered = cast_answer(here, asked, token, body.decision, body.reason, now, caller=caller)
    sequel = resume_run(here.store, answered, ground_of(request).engine, gone=gone)
    return TokenVoteAnswer(request_id=answered.request_id, state=answered.state, resumed=sequel.words)


@router.post("/{request_id}/tokens", summary="Make a token", responses=problems(403, 404, 409, 429))
def make_token(request_id: RequestId, who: Asker, here: Here) -> Token:
    """A single-use secret with which you answer this request elsewhere. A new one replaces the one before."""
    now = datetime.now(UTC)
    token = mint_token(here, request_id, who.principal, now, secrets.token_bytes(32))
    return Token(request_id=request_id, principal=who.principal.name, token=token)


@router.post("/{request_id}/revocation", summary="Take a request back", responses=problems(403, 404, 409, 429))
def take_back(request_id: RequestId, body: ReasonBody, who: Asker, here: Here) -> RequestAnswer:
    """Withdraw a request, or an approval that was not used yet: the requester may, and whom the rule names."""
    question = revoke(here, request_id, who.principal, body.reason, datetime.now(UTC))
    return RequestAnswer(**told_of(here, question))


def told_of(here: Workspace, question: Question) -> dict[str, Any]:
    """The fields of :class:`RequestAnswer`."""
    request = question.request
    told: dict[str, Any] = {name: getattr(request, name) for name in type(request).model_fields}
    told["summary"] = redact(request.summary)
    why = here.store.approvals.why(request.request_id)
    stop = stop_of_request(here, request, question.votes, why)
    told["stop"] = None if stop is None else StopAnswer(**asdict(stop))
    return {**told, "votes": question.votes, "needed": question.needed, "why": why}
