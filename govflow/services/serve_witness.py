"""A small witness over HTTP (C2SP tlog-witness): it cosigns what grows, and catches what was rolled back or forked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from govflow.audit.cosignature import Cosigner
from govflow.audit.note import MOST_BYTES
from govflow.audit.spelling import Malformed
from govflow.audit.verifier_key import VerifierKey
from govflow.audit.witness import BAD_REQUEST, NOT_FOUND, PATH, Answer, decide, parse_add_checkpoint
from govflow.errors import GovflowError
from govflow.services.witness_state import WitnessState
from govflow.telemetry import get_logger

_PATIENCE: Final = 10.0  # seconds for the bytes of a request
_AT_ONCE: Final = 64  # connections; a further one is closed, and its owner comes again

_log = get_logger(__name__)

Logs = Mapping[str, Sequence[VerifierKey]]
"""Origins of the logs that are known, each with the keys that may sign it."""


class Witness:
    """What it knows and what it keeps."""

    def __init__(self, cosigner: Cosigner, logs: Logs, state: WitnessState) -> None:
        self._cosigner = cosigner
        self._logs = logs
        self._state = state

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer one request; what is to be kept is on the disk by then.

        Raises:
            StoreError: the state cannot be read or written; nothing was cosigned.
        """
        try:
            request = parse_add_checkpoint(body)
        except Malformed as error:
            return Answer(BAD_REQUEST, f"{error}\n", str(error))
        origin = request.checkpoint.origin
        while True:
            latest = self._state.latest(origin)
            answer = decide(request, self._logs.get(origin), latest, self._cosigner, datetime.now(UTC))
            if answer.keep is None or self._state.keep(origin, latest, answer.keep):
                _log.info("witness.answered", log=origin, status=answer.status, why=answer.why)
                return answer


def serve(witness: Witness, host: str, port: int, stop: threading.Event, ready: Callable[[int], None]) -> None:
    """Answer until ``stop`` is set; ``ready`` is told the port.

    Raises:
        OSError: the address cannot be had.
    """
    server = _Server((host, port), witness)
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
        thread.start()
        ready(server.server_port)
        stop.wait()
        server.shutdown()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        self.witness = witness
        self.free = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection, if there is room."""
        if not self.free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self.free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer it; then there is room again."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.free.release()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE
    server_version = "govflow-witness"
    sys_version = ""

    def do_POST(self) -> None:
        """``add-checkpoint``; all else is not found."""
        if self.path.partition("?")[0] != PATH:
            self._answer(Answer(NOT_FOUND, "there is only add-checkpoint\n", ""))
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 9 and int(length) <= MOST_BYTES):
            self._answer(Answer(BAD_REQUEST, f"a request says its length, of at most {MOST_BYTES} bytes\n", ""))
            return
        body = self._read(int(length))
        if body is None:
            self.close_connection = True
            return
        try:
            self._answer(self.server.witness.add_checkpoint(body))
        except GovflowError as error:
            _log.error("witness.failed", reason=error.message)
            self._answer(Answer(503, "the witness cannot keep what it saw\n", ""))

    def setup(self) -> None:
        """The time of a request begins with its connection: each byte alone does not begin it anew."""
        super().setup()
        self._over = threading.Timer(_PATIENCE, self._cut)
        self._over.daemon = True
        self._over.start()

    def finish(self) -> None:
        """The time does not matter any more."""
        self._over.cancel()
        with suppress(OSError):  # the other side has gone
            super().finish()

    def _cut(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _read(self, length: int) -> bytes | None:
        try:
            body = self.rfile.read(length)
        except OSError:
            return None
        return body if len(body) == length else None

    def _answer(self, answer: Answer) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """What was decided is told by the witness itself."""
