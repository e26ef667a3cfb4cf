"""The application: routes, shield, failures, static files."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import PlainTextResponse

from govflow.console import (
    api,
    audit_page,
    decide,
    handing_on,
    inbox,
    live,
    policy_page,
    request_page,
    reviews,
    runs,
    sign_in,
    standing_form,
)
from govflow.console.access import somebody
from govflow.console.access_log import hide_secrets
from govflow.console.failures import answer_failures, unexpected
from govflow.console.forms import own_form
from govflow.console.ground import Ground
from govflow.console.links import STATIC
from govflow.console.shield import Shield
from govflow.console.static_files import FOLDER, KeptFiles
from govflow.services.resume_run import Engine
from govflow.services.workspace import Workspace

health = APIRouter()


@health.api_route("/health", methods=["GET", "HEAD"], response_class=PlainTextResponse, include_in_schema=False)
def healthy() -> str:
    """For whoever watches the process. It says nothing of what is inside."""
    return "ok\n"


def create_app(workspace: Workspace, engine: Engine | None = None) -> FastAPI:
    """The console for one workspace.

    Args:
        workspace: its settings stay; its policy is read again when its files change.
        engine: has a suspended run go on once its request is decided; the console knows none by itself.
    """
    hide_secrets()
    app = FastAPI(
        title="govflow console",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # it would repeat the Host header
        # Before every route, so that none can forget them; what is open is listed in govflow.console.access.
        dependencies=[Depends(somebody), Depends(own_form)],
    )
    app.state.ground = Ground(workspace, engine)
    app.state.workspace = workspace
    app.state.live = live.Live()
    app.add_middleware(Shield, console_url=workspace.settings.console_url, failed=unexpected)
    answer_failures(app)
    app.mount("/static", KeptFiles(directory=FOLDER), name=STATIC)
    pages = (
        sign_in,
        inbox,
        request_page,
        decide,
        handing_on,
        standing_form,
        reviews,
        runs,
        audit_page,
        policy_page,
        live,
    )
    for part in (*pages, api):
        app.include_router(part.router)
    app.include_router(health)
    return app
