"""The console in a process of its own, and who answers there: a person in a form, a machine over REST."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

PERSON, MACHINE = "bob", "robot"
STARTUP_SECONDS = 150
REASON = "looked at for the benchmark"

Give = Callable[[], None]


class Console:
    """A console that runs, a browser of :data:`PERSON` that is signed in, and a client of :data:`MACHINE`."""

    def __init__(self, url: str, link: str, key: str) -> None:
        import httpx

        self._browser = httpx.Client(base_url=url, timeout=60, headers={"sec-fetch-site": "same-origin"})
        _expect(self._browser.post(link), 303)
        self._machine = httpx.Client(base_url=url, timeout=60, headers={"authorization": f"Bearer {key}"})

    def form(self, _: Any, request: Any) -> Give:
        """The form of the request's page, which is open; giving the answer is sending it."""
        page = f"/requests/{request.request_id}"
        token = re.search(r'name="form_token" value="(\w+)"', self._browser.get(page).text)
        assert token is not None, "the page of the request has no form"
        fields = {"form_token": token[1], "decision": "approve", "reason": REASON}
        return lambda: _expect(self._browser.post(f"{page}/votes", data=fields), 303)

    def rest(self, _: Any, request: Any) -> Give:
        """``POST /api/v1/requests/ID/votes`` over a connection that is open, as a machine keeps one."""
        path, body = f"/api/v1/requests/{request.request_id}", {"decision": "approve", "reason": REASON}
        _expect(self._machine.get(path), 200)
        return lambda: _expect(self._machine.post(f"{path}/votes", json=body), 200)

    def close(self) -> None:
        """Hang up."""
        self._browser.close()
        self._machine.close()


@contextmanager
def console() -> Iterator[Console]:
    """Start ``govflow console`` with the settings of this process's environment, on a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    link, key = _ways_in(url)
    served = subprocess.Popen(
        [sys.executable, "-m", "govflow.cli", "console", "--port", str(port)],
        env={**os.environ, "GOVFLOW_CONSOLE_URL": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(url, served)
        answering = Console(url, link, key)
        yield answering
        answering.close()
    finally:
        served.terminate()
        try:
            served.wait(timeout=20)
        except subprocess.TimeoutExpired:
            served.kill()
            served.wait()


def _ways_in(url: str) -> tuple[str, str]:
    """An invitation for the person, and a key for the machine."""
    from govflow.identity import PrincipalKind
    from govflow.services.invite_people import invite
    from govflow.services.manage_api_keys import make_key
    from govflow.services.manage_people import add_principal
    from govflow.services.workspace import open_workspace
    from govflow.settings import load_settings

    workspace, now = open_workspace(load_settings(console_url=url)), datetime.now(UTC)
    try:
        add_principal(workspace, PERSON, "benchmark", now)
        add_principal(workspace, MACHINE, "benchmark", now, kind=PrincipalKind.MACHINE)
        link = invite(workspace, PERSON, "benchmark", now, secrets.token_bytes(32)).url
        return link, make_key(workspace, MACHINE, "benchmark", "benchmark", now, secrets.token_bytes(32))[1]
    finally:
        workspace.close()


def _wait(url: str, served: subprocess.Popen[bytes]) -> None:
    import httpx

    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end and served.poll() is None:
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError("The console did not start.")


def _expect(answer: Any, status: int) -> None:
    if answer.status_code != status:
        raise RuntimeError(f"The console answered {answer.status_code}: {answer.text[:500]}")
