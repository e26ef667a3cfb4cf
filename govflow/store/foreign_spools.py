"""Spools of other processes: brought to the log by whoever looks, and taken away where the process is gone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from govflow.audit.record import Draft
from govflow.errors import StoreError
from govflow.store.engine import Database
from govflow.store.log import sequence
from govflow.store.spool import Foreign, mark_of, others
from govflow.store.spool_damage import reports

_logger = logging.getLogger("govflow.store")


class _Transaction(Protocol):
    def record(self, draft: Draft) -> None: ...


class ForeignSpools:
    """Those that one writer has seen."""

    def __init__(self, db: Database, transaction: Callable[[], AbstractContextManager[_Transaction]]) -> None:
        """Bring records to ``db`` within ``transaction``."""
        self._db = db
        self._transaction = transaction
        self._seen: dict[Path, tuple[int, int, int]] = {}

    def drain(self, folder: Path, own: Path | None) -> None:
        """Bring to the log what was added to any spool of a folder but one's own.

        Raises:
            StoreError: one cannot be read, or the database refused.
        """
        for path in others(folder, own):
            try:
                seen = mark_of(path)
                if self._seen.get(path) != seen and self._drained(path):  # else nothing was added since it was drained
                    self._seen[path] = seen
            except FileNotFoundError:
                continue  # someone else was quicker
            except OSError as error:
                raise StoreError(
                    f"The spool {path} cannot be read: {error.strerror}.",
                    mend="It holds acknowledged records; make it readable and writable for this user.",
                ) from error

    def _drained(self, path: Path) -> bool:
        """Bring one to the log; whether all its lines could be read: a living process may be in the midst of one."""
        foreign: list[Foreign] = []
        damaged = False
        try:
            with self._transaction() as transaction:
                foreign.append(Foreign(path))
                contents = foreign[0].read()
                sequence(self._db, contents.records)
                damaged = foreign[0].dead and contents.bad > 0
                if damaged:  # said with the lines that could be read: a kill cannot come between
                    for report in reports(self._db, path.name, contents):
                        transaction.record(report)
            if foreign[0].dead:
                foreign[0].remove(damaged=damaged)
        finally:
            for one in foreign:
                one.close()
        if damaged:
            lost = contents.bad
            _logger.error("%d lines of the spool %s cannot be read; it is kept as %s.damaged", lost, path, path.name)
        return contents.bad == 0
