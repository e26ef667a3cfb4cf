"""Pages from templates. Every value is escaped; a template has no way round that but ``|safe``, and a test looks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.routing import NoMatchFound

from govflow.console.forms import form_token
from govflow.console.ground import settings_of
from govflow.console.links import link, url_for
from govflow.console.shield import nonce_of
from govflow.console.static_files import static_file
from govflow.services.describe.escape import plain
from govflow.services.describe.questions import moment

SECTIONS: Final = {
    "inbox": "Inbox",
    "delegations": "Delegations",
    "reviews": "Reviews",
    "runs": "Runs",
    "audit": "Audit log",
    "policy": "Policy",
}
"""Name of a route to what the menu calls it; those that the application has are shown."""

DOCS: Final = "https://github.com/govflow/govflow/blob/main/docs/"

STATIC: Final = Path(__file__).with_name("static")


def _shown(value: object) -> object:
    """Anybody's text without control, format and bidirectional characters: no name looks like another one."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_environment = Environment(
    loader=PackageLoader("govflow.console"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters["moment"] = moment
_environment.globals["url_for"] = url_for
_environment.globals["static_file"] = static_file
_templates = Jinja2Templates(env=_environment)


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """A page.

    Args:
        request: what is answered; links are made for where this application is mounted.
        template: its file in ``templates``.
        status: of the answer.
        context: what the template shows. ``signed_in`` is who sees the page, where somebody is known.
    """
    settings = settings_of(request)
    shown = {
        "signed_in": None,
        "section": "",
        "sections": [(name, words) for name, words in SECTIONS.items() if _has(request, name)],
        "nonce": nonce_of(request),
        "tenant": settings.tenant,
        "environment": settings.environment,
        "form_token": form_token(request),
        "now": datetime.now(UTC),
        **context,
    }
    return _templates.TemplateResponse(request, template, shown, status_code=status)


def _has(request: Request, name: str) -> bool:
    try:
        link(request, name)
    except NoMatchFound:
        return False
    return True


def span(until: datetime, now: datetime) -> str:
    """How far off that is, for people: ``in 2 h 5 min``, ``3 days ago``."""
    return f"in {left(until, now)}" if until > now else f"{left(now, until)} ago" if until < now else "now"


def left(until: datetime, now: datetime) -> str:
    """How long it is until then, for people: the two largest units."""
    seconds = int((until - now).total_seconds())
    if seconds <= 0:
        return "over"
    units = (("day", 86400), ("h", 3600), ("min", 60), ("s", 1))[: 4 if seconds < 600 else 3]
    parts: list[str] = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append(f"{count} {name}{'s' if name == 'day' and count != 1 else ''}")
    return " ".join(parts[:2])


_environment.globals |= {"left": left, "span": span}
_environment.globals["docs"] = DOCS
