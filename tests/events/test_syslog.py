"""Syslog over real sockets, and text that would break its form."""

from __future__ import annotations

import json
import re
import socket
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.audit.record import Severity
from govflow.events.envelope import Envelope, Meta
from govflow.events.sinks import FanOut
from govflow.events.syslog import SyslogSink, message_of
from tests.events.test_sinks import an_envelope
from tests.store.things import forked, reaped

LINE = re.compile(
    r'<(\d+)>1 (\S+) (\S+) govflow (\d+) (\S+) \[govflow@32473((?: \w+="(?:[^"\\\]]|\\["\\\]])*")+)\] (.*)'
)


def named(text: str, severity: Severity = Severity.WARNING) -> Envelope:
    meta = Meta(tenant_id=text, correlation_id="c", criticality=severity)
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return Envelope(id="w:1", type="ir.validated_pass", target=text, timestamp=at, payload={"n": text}, meta=meta)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_whatever_names_hold_the_form_is_kept(text: str) -> None:
    line = message_of(named(f"x{text}x"), host="h", pid=7).decode()
    found = LINE.fullmatch(line)
    assert found is not None, line
    assert len(line.splitlines()) == 1
    assert json.loads(found[7])["meta"]["tenant_id"] == f"x{text}x"


def test_the_line_of_an_envelope() -> None:
    line = message_of(named('a"b\\c]d\ne'), host="häus 1", pid=7).decode()
    head = r'<108>1 2026-03-01T12:00:00.000000Z h?us?1 govflow 7 ir.validated_pass [govflow@32473 id="w:1" '
    assert line.startswith(head + 'tenant="a\\"b\\\\c\\]d\ufffde" correlation="c" run="a\\"b\\\\c\\]d\ufffde"] {"id":')


@pytest.mark.parametrize("severity", Severity)
def test_every_criticality_has_a_level(severity: Severity) -> None:
    found = LINE.fullmatch(message_of(named("t", severity), host="h", pid=7).decode())
    assert found is not None
    assert 13 * 8 <= int(found[1]) <= 13 * 8 + 7


def test_over_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(240)
        SyslogSink.udp("127.0.0.1", receiver.getsockname()[1]).send(an_envelope(5))
        assert LINE.fullmatch(receiver.recv(65_536).decode())


def test_over_a_unix_socket_and_without_one() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        path = Path(folder) / "log"  # pytest's own folders may be too deep for a socket's name
        sink = SyslogSink.unix(path)
        fan_out = FanOut([sink])
        fan_out.publish(an_envelope())
        assert fan_out.flush(240)
        receiver.bind(str(path))
        receiver.settimeout(240)
        fan_out.publish(an_envelope())
        assert LINE.fullmatch(receiver.recv(65_536).decode())
        assert fan_out.flush(240)
        assert (fan_out.lost, fan_out.stats()[0].delivered) == (1, 1)


def framed(connection: socket.socket) -> str:
    """The next message, by its length."""
    connection.settimeout(240)
    digits = b""
    while not digits.endswith(b" "):
        digits += connection.recv(1)
    message = b""
    while len(message) < int(digits):
        message += connection.recv(int(digits) - len(message))
    return message.decode()


def test_over_tcp_and_again_after_the_receiver_closed_and_in_a_child() -> None:
    with socket.create_server(("127.0.0.1", 0)) as receiver:
        receiver.settimeout(240)
        sink = SyslogSink.tcp("127.0.0.1", receiver.getsockname()[1], timeout=240)
        sink.send(an_envelope(1))
        sink.send(an_envelope(2))
        first, _ = receiver.accept()
        with first:
            assert [json.loads(framed(first).split("] ", 1)[1])["payload"]["n"] for _ in range(2)] == [1, 2]
        sink.send(an_envelope(3))
        second, _ = receiver.accept()
        with second:
            assert LINE.fullmatch(framed(second))
            child = forked(lambda: sink.send(an_envelope(4)))
            third, _ = receiver.accept()
            with third:
                assert '"n":4' in framed(third)
            assert reaped(child) == [0]
            sink.send(an_envelope(5))
            assert '"n":5' in framed(second), "the parent's connection is as it was"
    with pytest.raises(ConnectionRefusedError):
        sink.send(an_envelope(6))
