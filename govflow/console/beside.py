"""Two applications on one port: what is below a path is the console's, all else the other's.

The console stands before the other application and not inside it, so that what the other puts around its own answers
(CORS headers, say) is not put around the console's.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


def beside(other: ASGIApp, console: ASGIApp, path: str) -> ASGIApp:
    """Both as one application; start-up and shutdown are the other's.

    Args:
        other: what has the port besides.
        console: what :func:`govflow.console.app.create_app` gave.
        path: such as ``/govflow``.
    """

    async def one_port(scope: Scope, receive: Receive, send: Send) -> None:
        asked = str(scope.get("path", ""))
        if scope["type"] == "http" and (asked == path or asked.startswith(f"{path}/")):
            inside = {**scope, "path": asked if asked != path else f"{path}/", "root_path": path}
            await console(inside, receive, send)
        else:
            await other(scope, receive, send)

    return one_port
