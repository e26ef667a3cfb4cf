"""Logs that are written once and tampered with often: as rows of a database, and as lines of an export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection

from govflow.audit.checkpoint import Checkpoint, sign_checkpoint
from govflow.audit.export import Header, checkpoint_line, record_line
from govflow.audit.merkle import CompactRange
from govflow.audit.record import GENESIS, Entry
from govflow.audit.spans import Held
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.audit.verify import Verdict
from govflow.services.verify_export import verify_export
from govflow.store import Store
from govflow.store.engine import Database
from govflow.store.location import open_database
from govflow.store.statements import run
from govflow.store.verifying import verify_at_one_moment
from tests.services.tampering.attacks import COLUMNS, Row
from tests.store.test_seals import PRIVATE
from tests.store.things import a_draft

ORIGIN = "log.example/acme"
KEY = VerifierKey(ORIGIN, Kind.NOTE, PRIVATE.public_key().public_bytes_raw())
SIZE = 24


class Medium(Protocol):
    """Where a log lies. ``sealed`` are the rows that its head, or its checkpoint, was made of."""

    rows: list[Row]
    foreign: list[Row]

    def verdict(self, rows: Sequence[Row], sealed: Sequence[Row], held: Held | None) -> Verdict: ...


def tree_of(rows: Sequence[Row]) -> CompactRange:
    tree = CompactRange()
    for row in rows:
        tree.append(row.hash)
    return tree


def write(url: str) -> None:
    """Two tenants, turn about, with and without waiting, so by several writers; and with and without a run."""
    for part in range(3):
        with Store.open(url) as store:
            for number in range(SIZE // 3):
                at = part * SIZE // 3 + number
                payload = {"n": at, "rule": f"rule-{at % 3}"} if at % 2 else {"n": at}
                for tenant in ("acme", "rival"):
                    draft = a_draft(tenant=tenant, run_id=f"r{at}" if at % 4 else None, payload=payload, subject="ann")
                    store.append(draft, durable=number % 3 == 0)


class InDatabase:
    """The attacker owns it: nothing that the database refuses stands in his way any more."""

    def __init__(self, url: str) -> None:
        write(url)
        self._db: Database = open_database(url)
        self.rows, self.foreign = self._read("acme"), self._read("rival")
        with self._db.reading() as connection:
            # Neither triggers nor keys: a table of his own in the place of ours.
            run(connection, "ALTER TABLE audit_record RENAME TO audit_before")
            run(connection, "CREATE TABLE audit_record AS SELECT * FROM audit_before WHERE 1 = 0")

    def close(self) -> None:
        self._db.close()

    def verdict(self, rows: Sequence[Row], sealed: Sequence[Row], held: Held | None) -> Verdict:
        with self.changed(rows, sealed) as connection:
            return verify_at_one_moment(self._db, connection, "acme", held, None, lambda done, total: None)

    @contextmanager
    def changed(self, rows: Sequence[Row], sealed: Sequence[Row]) -> Iterator[Connection]:
        """A moment in which the log is these rows; nobody else sees it."""
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        with self._db.reading() as connection:
            run(connection, "BEGIN")
            try:
                for row in rows:
                    names = ", ".join(("tenant", *COLUMNS))
                    run(connection, f"INSERT INTO audit_record ({names}) VALUES ({marks})", ("acme", *row))
                end = (len(sealed), sealed[-1].hash if sealed else bytes(32), tree_of(sealed).to_bytes())
                run(connection, "UPDATE audit_head SET size=?, hash=?, peaks=? WHERE tenant='acme'", end)
                yield connection
            finally:
                run(connection, "ROLLBACK")

    def _read(self, tenant: str) -> list[Row]:
        statement = f"SELECT {', '.join(COLUMNS)} FROM audit_record WHERE tenant=? ORDER BY seq"
        with self._db.reading() as connection:
            return [Row(*row) for row in run(connection, statement, (tenant,)).fetchall()]


class InFiles:
    """An export in two files, or in one where nothing is left for the first; the log's key signs its checkpoint."""

    def __init__(self, model: InDatabase, folder: Path) -> None:
        self.rows, self.foreign = model.rows, model.foreign
        self._files = [folder / "one.jsonl", folder / "two.jsonl"]

    def verdict(self, rows: Sequence[Row], sealed: Sequence[Row], held: Held | None, private: Any = PRIVATE) -> Verdict:
        half = (len(rows) + 1) // 2  # two files that both begin at the first record are none of one export
        note = str(sign_checkpoint(Checkpoint(ORIGIN, len(sealed), tree_of(sealed).root()), private))
        before = "sha256:" + rows[half - 1].hash.hex() if half else GENESIS
        with self._files[0].open("wb") as one, self._files[1].open("wb") as two:
            one.write(Header("acme", 0, GENESIS).line())
            one.writelines(map(line_of, rows[:half]))
            two.write(Header("acme", half, before).line())
            two.writelines(map(line_of, rows[half:]))
            two.write(checkpoint_line(note))
        return verify_export(self._files if half else self._files[1:], [KEY], held).verdict


def line_of(row: Row) -> bytes:
    return record_line(Entry(row.seq, "sha256:" + row.prev.hex(), row.body, "sha256:" + row.hash.hex()))
