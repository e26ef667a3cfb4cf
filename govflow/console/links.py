"""Links within the console: paths alone, so that they hold behind a proxy and below another application's path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import pass_context
from jinja2.runtime import Context
from starlette.requests import HTTPConnection

STATIC: Final = "static"
"""Name of the route of files, whose paths hold slashes."""


def link(request: HTTPConnection, name: str, /, *, query: Mapping[str, object] | None = None, **path: Any) -> str:
    """The path of a route by its name, with the path that the application is mounted below.

    ``request.url_for`` asks the outermost application, which knows none of our routes, and repeats the Host header.

    Args:
        request: any that this application answers.
        name: of the route.
        query: parameters; those that are None or empty are left out.
        **path: what stands in the route's path. A slash in it is written as ``%2F``: whoever starts a run names it.

    Raises:
        NoMatchFound: there is no such route.
    """
    kept = "/" if name == STATIC else ""
    parts = {key: quote(str(part), safe=kept) for key, part in path.items()}
    found = mount_of(request) + str(request.app.url_path_for(name, **parts))
    given = {key: value for key, value in (query or {}).items() if value not in (None, "")}
    return f"{found}?{urlencode(given)}" if given else found


def mount_of(request: HTTPConnection) -> str:
    """The path that the application is mounted below; empty if none."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def own_path(request: HTTPConnection) -> str:
    """The path of the request as the application's routes know it."""
    return request.url.path.removeprefix(mount_of(request)) or "/"


@pass_context
def url_for(context: Context, name: str, /, **path: Any) -> str:
    """:func:`link`, for templates."""
    return link(context["request"], name, **path)
