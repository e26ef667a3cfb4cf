"""Serving an application to browsers: on this machine alone, unless somebody said that a proxy stands before it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Final

import uvicorn

from govflow.console.access_log import hide_secrets
from govflow.console.session_cookie import is_https
from govflow.errors import SettingsError
from govflow.settings import Settings

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def check_host(host: str, settings: Settings) -> None:
    """Refuse to listen to other machines in clear.

    Raises:
        SettingsError: ``host`` is not this machine's own, and ``console_url`` says of no https.
    """
    if host in LOOPBACK or is_https(settings):
        return
    raise SettingsError(
        f"The console would listen on {host} without https: sessions and answers could be read and forged on the way.",
        mend="Let a proxy that speaks https stand before it, on this machine or in a network of its own, and set "
        "GOVFLOW_CONSOLE_URL to its https:// address. Or leave --host out.",
    )


class Server(uvicorn.Server):
    """One that says when it is about to end, before it waits for the answers that it is still giving.

    The application hears of the end afterwards (ASGI's lifespan), which is too late for an answer that never ends by
    itself: the stream of an open page.
    """

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in order."""
        self._ending()
        await super().shutdown(sockets)


def serve(application: Any, host: str, port: int, ending: Callable[[], None], *, behind_proxy: bool = False) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        application: ASGI.
        host: to listen on.
        port: to listen on; 1 to 65535.
        behind_proxy: a proxy on this machine says from where a request comes. Without one whoever asks could say so,
            and have wrong answers counted for others.
        ending: called in the event loop when the end has begun: it ends the answers that would never end.
    """
    hide_secrets()
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=behind_proxy,
        forwarded_allow_ips="127.0.0.1",
        timeout_graceful_shutdown=5,  # seconds, for answers that are being given
    )
    Server(config, ending).run()
