"""The REST API, ``/api/v1``: what pages and terminal do, for programs. ``docs/rest.md`` tells it to users."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi

from govflow import __version__
from govflow.console import api_audit, api_policy, api_requests, api_rights, api_runs
from govflow.console.api_access import PREFIX, Asker, Here
from govflow.console.api_errors import ApiRoute, problems
from govflow.console.api_models import Me
from govflow.console.forms import form_token
from govflow.identity.principal import MACHINE
from govflow.services.list_inbox import count_inbox

router: Final = APIRouter(route_class=ApiRoute)
for part in (api_requests, api_rights, api_runs, api_audit, api_policy):
    router.include_router(part.router)

_TAGS: Final = [
    {"name": "requests", "description": "Questions to people, and their answers."},
    {"name": "rights", "description": "Delegations, standing approvals, and emergencies."},
    {"name": "runs", "description": "Governed runs and what the log holds of them."},
    {"name": "audit", "description": "The audit log."},
    {"name": "policy", "description": "The policy in force."},
    {"name": "me", "description": "Who calls."},
]


@router.get(f"{PREFIX}/me", summary="Who calls", tags=["me"], responses=problems())
def me(request: Request, who: Asker, here: Here) -> Me:
    """Who you are here, what approval rules may name you by, and how many requests ask you."""
    person = who.principal
    return Me(
        name=person.name,
        roles=person.roles,
        selectors=tuple(sorted(person.selectors() - {MACHINE})),
        method=who.method,
        expires_at=who.expires_at,
        tenant=here.settings.tenant,
        form_token=form_token(request),
        waiting=str(count_inbox(here, person, datetime.now(UTC))["mine"]),
    )


@router.get(f"{PREFIX}/openapi.json", include_in_schema=False)
def description(request: Request) -> dict[str, Any]:
    """The OpenAPI description of all this; it says nothing of this installation."""
    return openapi(request.app.routes)


def openapi(routes: Any) -> dict[str, Any]:
    """The OpenAPI document of the API's routes among an application's."""
    document = get_openapi(
        title="govflow",
        version=__version__,
        summary="Approvals, runs, the audit log and the policy in force.",
        description="Errors have one body, `{code, message, mend}`; the codes are stable.",
        routes=routes,
        tags=_TAGS,
    )
    document["paths"] = {path: way for path, way in document["paths"].items() if path.startswith(PREFIX)}
    return document
