"""A sink that writes each envelope to syslog: RFC 5424 over UDP (RFC 5426), TCP (RFC 6587, 3.4.1) or a unix socket."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Final

from govflow.audit.record import Severity
from govflow.events.envelope import Envelope

FACILITY: Final = 13
"""Log audit (RFC 5424, section 6.2.1)."""
SD_ID: Final = "govflow@32473"
"""The name of our structured data; 32473 is the enterprise number kept for examples (RFC 5612): we have none."""
_LEVELS: Final = {Severity.INFO: 6, Severity.WARNING: 4, Severity.ERROR: 3, Severity.CRITICAL: 2}  # RFC 5424, table 2
_TO_ESCAPE: Final = re.compile(r'["\\\]]')
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_PRINTABLE: Final = re.compile(r"[^\x21-\x7e]")


def message_of(envelope: Envelope, *, host: str, pid: int) -> bytes:
    """The line for an envelope: its names as structured data, all of it as JSON in ASCII. It has no line break."""
    level = _LEVELS[envelope.meta.criticality]
    at = envelope.timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    names = {"id": envelope.id, "tenant": envelope.meta.tenant_id, "correlation": envelope.meta.correlation_id}
    if envelope.target is not None:
        names["run"] = envelope.target
    data = " ".join(f'{name}="{_escaped(value)}"' for name, value in names.items())
    head = f"<{FACILITY * 8 + level}>1 {at} {_word(host, 255)} govflow {pid} {_word(envelope.type, 32)}"
    text = json.dumps(envelope.model_dump(mode="json"), separators=(",", ":"))
    return f"{head} [{SD_ID} {data}] {text}".encode()


def _escaped(value: str) -> str:
    """A PARAM-VALUE (6.3.3). Control characters become U+FFFD: a receiver that splits lines must not be led astray."""
    return _TO_ESCAPE.sub(lambda found: "\\" + found[0], _CONTROL.sub("\ufffd", value))


def _word(value: str, length: int) -> str:
    return _NOT_PRINTABLE.sub("?", value)[:length] or "-"


class SyslogSink:
    """Writes to one receiver. Make it with :meth:`udp`, :meth:`tcp` or :meth:`unix`.

    It acknowledges nothing: a datagram may be lost unseen, and so may what a TCP receiver had not read at its end.
    """

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._host = socket.gethostname()

    def send(self, envelope: Envelope) -> None:
        """Write it; raises OSError where it cannot be, as when a datagram is too long."""
        self._write(message_of(envelope, host=self._host, pid=os.getpid()))

    @classmethod
    def udp(cls, host: str, port: int = 514) -> SyslogSink:
        """One datagram for each envelope."""

        def write(message: bytes) -> None:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            with socket.socket(family, kind, protocol) as out:
                out.sendto(message, address)

        return cls(write)

    @classmethod
    def unix(cls, path: Path = Path("/dev/log"), *, timeout: float = 10.0) -> SyslogSink:
        """One datagram for each envelope, to a socket of this machine."""

        def write(message: bytes) -> None:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.settimeout(timeout)
                out.sendto(message, str(path))

        return cls(write)

    @classmethod
    def tcp(cls, host: str, port: int = 601, *, timeout: float = 10.0) -> SyslogSink:
        """One connection, kept; each message after its length in bytes. Not encrypted: for this machine or a tunnel."""
        return cls(_Stream(host, port, timeout).write)


class _Stream:
    """A connection that is made anew where it was closed, and in a forked child."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._address, self._timeout = (host, port), timeout
        self._socket: socket.socket | None = None
        self._pid = 0

    def write(self, message: bytes) -> None:
        framed = b"%d " % len(message) + message
        if self._socket is not None and (self._pid != os.getpid() or _is_closed(self._socket)):
            self._close()
        if self._socket is not None:
            try:
                self._socket.sendall(framed)
                return
            except OSError:
                self._close()  # what was half written ends with the connection; once more on a new one
        self._socket, self._pid = socket.create_connection(self._address, self._timeout), os.getpid()
        try:
            self._socket.sendall(framed)
        except OSError:
            self._close()
            raise

    def _close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None


def _is_closed(connection: socket.socket) -> bool:
    """Whether the other side has closed: writing would succeed once more, into nothing."""
    seconds = connection.gettimeout()
    try:
        connection.settimeout(0)  # MSG_DONTWAIT would not do: with a time-out, Python waits before it asks
        return connection.recv(1, socket.MSG_PEEK) == b""
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(seconds)
