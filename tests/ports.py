"""Ports for servers that a test starts."""

from __future__ import annotations

import random
import socket

_PORTS = range(10_000, 32_000)  # Linux gives connections that go out theirs above: none of them takes a port in between


def free_port() -> int:
    """A port of this machine that nobody listens at, nor is likely to before the server does that it is for."""
    dice = random.SystemRandom()  # workers of pytest-xdist must not draw the same ones
    while True:
        port = dice.choice(_PORTS)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
