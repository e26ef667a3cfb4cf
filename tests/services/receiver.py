"""Places that messages are sent to: a real HTTP server and a real mail server on this machine."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What arrived. ``refuse`` is the status that it answers with instead of taking a message; 0: it takes it."""

    port: int = 0
    arrived: list[dict[str, Any]] = field(default_factory=list)
    refuse: int = 0
    held: threading.Event = field(default_factory=threading.Event)  # it answers nothing until it is set

    def url(self, *, secret: str = "s3cr3t-part") -> str:
        """Its address for Apprise, with a secret in the path."""
        return f"json://127.0.0.1:{self.port}/hooks/{secret}?cto=240&rto=240"  # seconds to connect, and to be answered


@contextmanager
def http_receiver() -> Iterator[Receiver]:
    """A server that takes JSON."""
    receiver = Receiver()
    receiver.held.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.held.wait(240)
            if not receiver.refuse:
                receiver.arrived.append(json.loads(body))
            self.send_response(receiver.refuse or 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    serving = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    serving.start()
    try:
        yield receiver
    finally:
        receiver.held.set()
        server.shutdown()
        server.server_close()
        serving.join()


@contextmanager
def mail_receiver() -> Iterator[tuple[int, list[str]]]:
    """A mail server that takes everything: its port, and the messages as they came."""
    arrived: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line.split()[0].upper() if line.split() else b""
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = []
                    while (said := self.rfile.readline()) not in (b".\r\n", b""):
                        lines.append(said.decode())
                    arrived.append("".join(lines))
                    self.wfile.write(b"250 taken\r\n")
                elif word == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 ok\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        serving.start()
        yield server.server_address[1], arrived
        server.shutdown()
        serving.join()
