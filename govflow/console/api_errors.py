"""Errors of the REST API: one body for all of them, with the stable code, and the status that fits it."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from govflow.console.access import NotSignedIn
from govflow.console.forms import ForeignForm
from govflow.console.unready import UNREADY, for_whoever_asks
from govflow.errors import (
    AlreadyVoted,
    GovflowError,
    InputError,
    NoReceipt,
    NotEligible,
    PolicyMismatch,
    PrincipalInactive,
    Refused,
    RequestClosed,
    RequestError,
    SelfApproval,
    SignInRefused,
    StoreError,
    TokenInvalid,
    TooManyAttempts,
)
from govflow.telemetry import redact_text

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Problem(BaseModel):
    """Why there is no answer."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="Stable: programs may rely on it. docs/rest.md lists the codes.")
    message: str = Field(description="The cause, in words.")
    mend: str = Field(description="What to do next; may be empty.")


STATUS: Final[Mapping[type[GovflowError], int]] = MappingProxyType(
    {
        SignInRefused: 401,
        SelfApproval: 403,
        NotEligible: 403,
        TokenInvalid: 403,
        PrincipalInactive: 403,
        AlreadyVoted: 409,
        RequestClosed: 409,
        PolicyMismatch: 409,
        TooManyAttempts: 429,
        NoReceipt: 409,
        Refused: 409,
        InputError: 422,
        StoreError: 503,
    }
)
"""The status of each class and of those below it that are not named; 500 for what is not here."""

_WORDS: Final = {
    401: "Nobody is signed in: no key or session that counts was presented.",
    403: "It is not for whoever is signed in: requester, not named by the rule, or no right to it.",
    404: "There is no such thing in this tenant.",
    409: "As things stand the answer is no: it was answered, decided or taken back before, the policy here is not the "
    "run's, or not all of the run is under a checkpoint yet.",
    422: "The values cannot be used; nothing was written.",
    429: "Too many answers were wrong. `Retry-After` says how many seconds to wait.",
    503: "The governance database, the policy or the settings cannot be used now.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may answer besides its own answer, for its description; 401, 422 and 503 always."""
    listed = sorted({401, 422, 503, *statuses})
    return {status: {"model": Problem, "description": _WORDS[status]} for status in listed}


_SIGN_IN: Final = "Send 'Authorization: Bearer KEY' with a key that counts; docs/rest.md says how to get one."
_FOREIGN: Final = "This did not come from a page of this console, or from one of an earlier sign-in."


class ApiRoute(APIRoute):
    """A route whose errors are problems."""

    def get_route_handler(self) -> Handler:
        """The handler, with its errors turned into answers."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except GovflowError as error:
                return answer_of(for_whoever_asks(request, error))
            except NotSignedIn:
                return answer_of(SignInRefused(mend=_SIGN_IN))
            except ForeignForm:
                return _answered(403, "foreign-form", _FOREIGN, "Send the form token of this session in its header.")
            except RequestValidationError as error:
                return _unusable(error)

        return handled


def answer_of(error: GovflowError) -> JSONResponse:
    """The answer that tells of an error. Secrets in its words are hidden; its details are not told."""
    answer = _answered(_status(error), error.code, redact_text(error.message), redact_text(error.mend))
    if answer.status_code == 401:
        answer.headers["www-authenticate"] = "Bearer"
    if answer.status_code == 429:
        answer.headers["retry-after"] = str(_seconds_left(error))
    return answer


def _answered(status: int, code: str, message: str, mend: str) -> JSONResponse:
    problem = Problem(code=code, message=message, mend=mend)
    return JSONResponse(problem.model_dump(), status, {"cache-control": "no-store"})


def _status(error: GovflowError) -> int:
    if isinstance(error, RequestError) and error.details.keys() & _OF_WHAT_IS_MISSING:
        return 404
    if isinstance(error, UNREADY):
        return 503
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


_OF_WHAT_IS_MISSING: Final = {"request_id", "run_id", "delegation_id"}


def _seconds_left(error: GovflowError) -> int:
    try:
        until = datetime.fromisoformat(str(error.details.get("until")))
        return max(1, math.ceil((until - datetime.now(UTC)).total_seconds()))
    except (ValueError, TypeError):
        return 60


def _unusable(error: RequestValidationError) -> JSONResponse:
    """Where it is wrong and why; never what was given, which may be a token."""
    said = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:5]]
    mend = "GET /api/v1/openapi.json describes what is taken."
    return _answered(422, InputError.code, "; ".join(said) + ".", mend)
