"""Holds in PostgreSQL: advisory locks of one session of this process, for all databases objects that it has open.

The server gives them back when the connection ends: at once where a process dies, after some lost keep-alives where its
machine does. Where the server is restarted they are gone; they are taken again at the next look.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from typing import Final

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from govflow.store.failures import explain
from govflow.store.holds import Places

_logger = logging.getLogger("govflow.store")
# A machine that vanished holds nothing after a minute and a half.
_KEEP_ALIVE: Final = (
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 6;"
    " SET idle_session_timeout = 0"
)
_INHERITED: Final[list[object]] = []  # sessions of the parent, in a forked child: not to be closed here


class _Session:
    """The holds of this process on one database. Safe to share between threads."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._held: dict[int, int] = {}  # place → how often it was taken
        self._connection: Connection | None = None

    def take(self, place: int) -> bool:
        """Hold it, unless another process does."""
        with self._lock:
            if not self._locked(place):
                return False
            self._held[place] = self._held.get(place, 0) + 1
            return True

    def give_back(self, place: int) -> None:
        """Hold it once less."""
        with self._lock:
            left = self._held.get(place, 0) - 1
            if left > 0:
                self._held[place] = left
            elif self._held.pop(place, None) is not None:
                self._unlocked(place)
                self._tidy()

    def is_held(self, place: int) -> bool:
        """Whether a living process holds it."""
        with self._lock:
            if place in self._held:
                return True
            try:
                if not self._locked(place):
                    return True
                self._unlocked(place)
                return False
            finally:
                self._tidy()

    def forget(self) -> None:
        """In a forked child: the session stayed with the parent."""
        self._lock = threading.Lock()
        self._held.clear()
        _INHERITED.append(self._connection)
        self._connection = None

    def _locked(self, place: int) -> bool:
        try:
            try:
                return self._try(place)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                self._again()
                return self._try(place)
        except SQLAlchemyError as error:
            self._drop()
            explain(error, "holding a run")

    def _try(self, place: int) -> bool:
        if self._connection is None:
            self._connection = self._opened()
        if place in self._held:
            self._connection.exec_driver_sql("SELECT 1")  # is the session that holds it still there?
            return True
        return bool(self._connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({place})").scalar_one())

    def _opened(self) -> Connection:
        connection = create_engine(self._url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect()
        connection.exec_driver_sql(_KEEP_ALIVE)
        return connection

    def _again(self) -> None:
        """A new session with all that the lost one held, but for what another process was quicker to take."""
        self._drop()
        self._connection = self._opened()
        for place in list(self._held):
            if not self._connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({place})").scalar_one():
                _logger.warning("the connection was lost, and another process has taken a run that was held here")
                del self._held[place]

    def _unlocked(self, place: int) -> None:
        if self._connection is not None:
            try:
                self._connection.exec_driver_sql(f"SELECT pg_advisory_unlock({place})")
            except SQLAlchemyError:
                self._drop()  # with the session all its locks are gone

    def _tidy(self) -> None:
        if not self._held:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.close()


_sessions: Final[dict[URL, _Session]] = {}
_sessions_lock = threading.Lock()


def of_server(url: URL) -> Places:
    """The places of a database on a server. ``StoreError`` from them where it cannot be asked.

    Args:
        url: with psycopg as its driver.
    """
    with _sessions_lock:
        return _sessions.setdefault(url, _Session(url))


def _forget() -> None:
    global _sessions_lock  # noqa: PLW0603 - it may be held by a thread that is not here
    _sessions_lock = threading.Lock()
    for session in _sessions.values():
        session.forget()


os.register_at_fork(after_in_child=_forget)
