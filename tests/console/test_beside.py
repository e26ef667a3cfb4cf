"""The console on the port of another application: neither hears what is meant for the other."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from govflow.console.beside import beside
from tests.console.conftest import Ask, Visit


async def other(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"other {scope['path']}")(scope, receive, send)


def test_one_port_for_both(app: FastAPI, ask: Ask, visit: Visit) -> None:
    ask()
    both = beside(CORSMiddleware(other, allow_origins=["*"]), app, "/govflow")
    client = TestClient(both, base_url="http://127.0.0.1:4200", headers={"origin": "https://evil.example"})
    assert client.get("/api/health").text == "other /api/health"
    assert client.get("/govflowers").text == "other /govflowers"
    assert client.get("/api/health").headers["access-control-allow-origin"] == "*"
    client.cookies.set("govflow", visit("bob").client.cookies["govflow"])
    for path in ("/govflow", "/govflow/", "/govflow/requests/req-1"):
        page = client.get(path)
        assert page.status_code == 200 and 'href="/govflow/' in page.text
        assert "access-control-allow-origin" not in page.headers, "what the other lets others read is its own"
    assert client.get("/govflow/../govflow/health").text == "ok\n"
