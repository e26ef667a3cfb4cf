"""Prefect's own server as an application of this process."""

from __future__ import annotations

import os
from typing import Any


def server_application(host: str, port: int) -> Any:
    """What ``prefect server start`` serves, to be served at this address.

    Call it before anything else imports Prefect: its settings are read then. Flows and this process find the server
    under ``PREFECT_API_URL``, which is set here.

    Args:
        host: that it will listen on.
        port: likewise.
    """
    os.environ["PREFECT_API_URL"] = f"http://{host}:{port}/api"
    os.environ["PREFECT_SERVER_API_HOST"] = host
    os.environ["PREFECT_SERVER_API_PORT"] = str(port)
    from prefect.server.api.server import create_app

    return create_app(final=True)
