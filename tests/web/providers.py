"""Sign-in providers to test with: a real one in a process of its own, and one that lies."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import httpx

from tests.ports import free_port


@contextmanager
def provider() -> Iterator[str]:
    """A provider that keeps to the protocol; its issuer."""
    port = free_port()
    words = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), "--host", "127.0.0.1"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    issuer = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{issuer}/.well-known/openid-configuration", process)
        yield issuer
    finally:
        process.terminate()
        process.wait(120)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert process.poll() is None, "the provider did not start"
        try:
            if httpx.get(url, timeout=60).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise AssertionError("the provider does not answer")


class Liar:
    """A provider that says of itself, and signs, what a test wants."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.metadata: dict[str, Any] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }
        self.jwks: dict[str, Any] = {"keys": []}
        self.answer: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        """The forms that were sent to the token endpoint."""
        self.userinfo: Any = None
        """What it tells of whom the access token is for; a text is where it sends the question on."""
        self.bearers: list[str] = []
        """The headers with which it was asked for that."""


@contextmanager
def liar() -> Iterator[Liar]:
    """A provider that lies."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/userinfo":
                told.bearers.append(self.headers.get("authorization", ""))
                if isinstance(told.userinfo, str):
                    self.send_response(302)
                    self.send_header("location", told.userinfo)
                    self.end_headers()
                else:
                    self._say(told.userinfo)
                return
            said = {"/.well-known/openid-configuration": told.metadata, "/jwks": told.jwks}.get(self.path)
            self._say(said)

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            told.asked.append({name: values[0] for name, values in form.items()})
            self._say(told.answer)

        def _say(self, document: Any) -> None:
            data = json.dumps(document).encode()
            self.send_response(200 if document is not None else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Liar(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join(120)
