"""The webhook against receivers that take, refuse, redirect, hang up and are not there."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from govflow.errors import SettingsError
from govflow.events.envelope import Envelope
from govflow.events.signature import is_signed
from govflow.events.sinks import FanOut
from govflow.events.webhook import NotTaken, WebhookSink
from tests.events.test_sinks import an_envelope
from tests.ports import free_port

CANARY = "canary-" + "5" * 40
SECRET = SecretStr(CANARY)


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answers: list[int]) -> None:
        super().__init__(("127.0.0.1", free_port()), Handler)
        self.answers, self.got = answers, list[tuple[str, str, bytes]]()
        self.go = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/events?of=acme"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers["Govflow-Timestamp"], self.headers["Govflow-Signature"], body))
        answer = self.server.answers.pop(0) if self.server.answers else 204
        if answer == 0:  # hang up
            return
        if answer == -1:  # hang
            self.server.go.wait(240)
            return
        self.send_response(answer)
        if answer == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving(*answers: int) -> Iterator[Receiver]:
    with Receiver(list(answers)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.go.set()
            server.shutdown()


def sink(url: str, pauses: list[float] | None = None, timeout: float = 60) -> WebhookSink:
    return WebhookSink(url, SECRET, timeout=timeout, pause=(list[float]() if pauses is None else pauses).append)


def test_what_arrives_is_the_envelope_signed() -> None:
    with receiving() as server:
        sink(server.url).send(an_envelope(7))
        [(timestamp, signature, body)] = server.got
    assert Envelope.model_validate_json(body) == an_envelope(7)
    assert is_signed(CANARY.encode(), timestamp, signature, body, now=int(timestamp))
    assert abs(int(timestamp) - time.time()) < 600


@pytest.mark.parametrize("bad", [500, 503, 429, 408, 0])
def test_what_may_pass_is_tried_again_later_and_later(bad: int) -> None:
    pauses: list[float] = []
    with receiving(bad, bad) as server:
        sink(server.url, pauses).send(an_envelope())
        assert len(server.got) == 3
    assert pauses == [0.5, 1.0]


def test_attempts_come_to_an_end() -> None:
    with receiving(*[500] * 9) as server:
        with pytest.raises(NotTaken, match="answered 500"):
            sink(server.url).send(an_envelope())
        assert len(server.got) == 4


@pytest.mark.parametrize("final", [302, 307, 400, 401, 404, 410])
def test_a_redirect_is_not_followed_and_a_refusal_not_repeated(final: int) -> None:
    with receiving(final) as server:
        with pytest.raises(NotTaken, match=str(final)):
            sink(server.url).send(an_envelope())
        assert len(server.got) == 1


def test_a_receiver_that_hangs_is_given_up() -> None:
    with receiving(-1, -1, -1, -1) as server, pytest.raises(NotTaken, match="TimeoutError"):
        sink(server.url, timeout=0.2).send(an_envelope())


def test_a_receiver_that_goes_away_costs_news_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    with receiving() as server:
        hook = sink(server.url)
        fan_out = FanOut([hook])
        fan_out.publish(an_envelope(0))
        assert fan_out.flush(240)
    with caplog.at_level(logging.DEBUG):
        fan_out.publish(an_envelope(1))
        assert fan_out.flush(240)
    [stats] = fan_out.stats()
    assert (stats.delivered, stats.failed, stats.overflowed, stats.waiting) == (1, 1, 0, 0)
    assert "do not reach WebhookSink" in caplog.text
    assert CANARY not in caplog.text + repr(hook) + str(vars(hook)) + str(stats)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "http://127.0.0.1.example.org/x",
        "ftp://example.org/x",
        "https://",
        "https://user:canary@example.org/x",
        "https://example.org:port/x",
        "https://example.org/x\r\nHost: y",
        "https://example.org/x y",
        "/path",
        "",
    ],
)
def test_an_address_where_it_could_be_overheard_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError) as stop:
        WebhookSink(url, SECRET)
    assert "canary" not in str(stop.value)
    assert "example" not in str(stop.value)


def test_plain_http_and_short_secrets_have_to_be_asked_for() -> None:
    WebhookSink("http://example.org/x", SECRET, plain_http=True)
    with pytest.raises(SettingsError) as stop:
        WebhookSink("https://example.org/x", SecretStr("canary"))
    assert "canary" not in str(stop.value)


def test_the_page_does_what_it_says() -> None:
    """The receiver's snippet, run on what a real request brought."""
    page = (Path(__file__).parents[2] / "docs/sinks.md").read_text()
    check = page.split("```python\n# receiver\n")[1].split("```")[0]
    names: dict[str, object] = {}
    exec(check, names)  # our own page
    with receiving() as server:
        sink(server.url).send(an_envelope(3))
        [(timestamp, signature, body)] = server.got
    taken = names["taken"]
    assert callable(taken)
    headers = {"Govflow-Timestamp": timestamp, "Govflow-Signature": signature}
    assert taken(CANARY.encode(), headers, body) == json.loads(body)
    assert taken(CANARY.encode(), headers, body + b" ") is None
    assert taken(CANARY.encode(), {}, body) is None


def test_the_sinks_of_the_page_can_be_made(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/sinks.md").read_text()
    names: dict[str, object] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)  # our own page
    build = names["build"]
    assert callable(build)
    with receiving() as server:
        fan_out = build(CANARY, tmp_path / "events.jsonl", server.url)
        fan_out.publish(an_envelope())
        assert fan_out.flush(240)
        assert server.got == [], "its events are about approvals"
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 1
