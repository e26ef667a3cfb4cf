"""A line to a server that a test can cut and mend: connections through a port of its own on this machine."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

_RESET = struct.pack("ii", 1, 0)  # closed like that, the other side is told at once


class CutLine:
    """Passes on what is said, in both directions, until it is cut. Use it as a context."""

    def __init__(self, url: str) -> None:
        """A line to the server of a database's URL."""
        parts = urlsplit(url)
        self._server = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listening = self._listen(0)
        self.port: int = self._listening.getsockname()[1]
        who = parts.netloc.rpartition("@")[0]
        self.url = parts._replace(netloc=f"{who}@127.0.0.1:{self.port}").geturl()
        """The database at the other end."""
        self.passed = 0
        """Connections that there were."""

    def cut(self) -> None:
        """End all connections; whoever tries another is refused."""
        with self._lock:
            for one in (self._listening, *self._sockets):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self._sockets.clear()

    def mend(self) -> None:
        """Take connections again, on the same port."""
        self._listening = self._listen(self.port)

    def _listen(self, port: int) -> socket.socket:
        listening = socket.create_server(("127.0.0.1", port), reuse_port=False)
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
        return listening

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                near, _ = listening.accept()
                far = socket.create_connection(self._server, 60)
            except OSError:
                return  # cut
            far.settimeout(None)
            for one in (near, far):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            with self._lock:
                if listening.fileno() == -1:  # it was cut just now
                    near.close()
                    far.close()
                    return
                self.passed += 1
                self._sockets |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while said := one.recv(65536):
                other.sendall(said)
        for end in (one, other):
            with self._lock, suppress(OSError):
                self._sockets.discard(end)
                end.shutdown(socket.SHUT_RDWR)
                end.close()

    def __enter__(self) -> CutLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
