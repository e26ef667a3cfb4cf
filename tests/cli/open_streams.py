"""A page's stream of news, held open from outside, and how it ended."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import httpx

from govflow.identity import PrincipalKind
from govflow.services.manage_api_keys import make_key
from govflow.services.manage_people import add_principal
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings

PATIENCE: Final = 240.0  # seconds


class Held:
    """A stream that is open; :meth:`ended` once the server has ended it."""

    def __init__(self, response: httpx.Response) -> None:
        self.error: Exception | None = None
        self._reader = threading.Thread(target=self._read, args=(response,), daemon=True)
        self._reader.start()

    def _read(self, response: httpx.Response) -> None:
        try:
            for _ in response.iter_raw():
                pass
        except httpx.HTTPError as error:  # cut off in the middle
            self.error = error

    def ended(self) -> bool:
        """Whether it came to its end, and was not cut off."""
        self._reader.join(PATIENCE)
        return not self._reader.is_alive() and self.error is None


def key_for(url: str) -> str:
    """A key of a machine account in the database at ``url``."""
    workspace = open_workspace(load_settings(database_url=url))
    try:
        now = datetime.now(UTC)
        add_principal(workspace, "watcher", "root", now, kind=PrincipalKind.MACHINE)
        return make_key(workspace, "watcher", "test", "root", now, os.urandom(32))[1]
    finally:
        workspace.close()


@contextmanager
def open_stream(console: str, key: str) -> Iterator[Held]:
    """Hold the stream of the console at that address open, as a page does, once it answers."""
    with httpx.Client(timeout=httpx.Timeout(PATIENCE, read=None)) as client:
        request = client.build_request("GET", f"{console}/live", headers={"authorization": f"Bearer {key}"})
        response = _answered(client, request)
        try:
            assert response.status_code == 200
            yield Held(response)
        finally:
            response.close()


def _answered(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return client.send(request, stream=True)
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the console does not answer"
            time.sleep(0.1)
