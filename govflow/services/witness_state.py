"""What a witness keeps: the last checkpoint of each log that it has cosigned, in a small SQLite file of its own."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from govflow.audit.witness import NEVER, Witnessed
from govflow.errors import StoreError

_WAIT_SECONDS: Final = 30.0


class WitnessState:
    """Safe to use from several threads and processes: each call is one transaction."""

    def __init__(self, file: Path) -> None:
        """Use ``file``, made if need be, for this user alone.

        Raises:
            StoreError: it cannot be used.
        """
        self._file = file
        with suppress(FileExistsError), _told(file):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with self._open() as connection:
            columns = "origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL"
            connection.execute(f"CREATE TABLE IF NOT EXISTS witnessed ({columns})")

    def latest(self, origin: str) -> Witnessed:
        """What is kept for a log. Raises ``StoreError``."""
        with self._open() as connection:
            return _latest(connection, origin)

    def keep(self, origin: str, before: Witnessed, now: Witnessed) -> bool:
        """Keep ``now`` durably if ``before`` is still what is kept; whether it was. Raises ``StoreError``."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            if _latest(connection, origin) != before:
                connection.execute("ROLLBACK")
                return False
            row = (origin, now.size, now.root)
            connection.execute("INSERT OR REPLACE INTO witnessed (origin, size, root) VALUES (?, ?, ?)", row)
            connection.execute("COMMIT")
            return True

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with (
            _told(self._file),
            closing(sqlite3.connect(self._file, timeout=_WAIT_SECONDS, isolation_level=None)) as connection,
        ):
            connection.execute("PRAGMA synchronous=EXTRA")  # the folder too: what was cosigned is never unlearnt
            yield connection


def _latest(connection: sqlite3.Connection, origin: str) -> Witnessed:
    row = connection.execute("SELECT size, root FROM witnessed WHERE origin = ?", (origin,)).fetchone()
    return NEVER if row is None else Witnessed(int(row[0]), bytes(row[1]))


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except (OSError, sqlite3.Error) as error:
        what = f"The witness' state {file} cannot be used: {error}."
        raise StoreError(what, mend="It is a file that this user can read and write.") from error
