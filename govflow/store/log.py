"""The rows of the logs: appending to them, a statement for a batch, and reading them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from govflow.audit.body import parse_body
from govflow.audit.merkle import HASH_SIZE, CompactRange
from govflow.audit.record import Copies, Entry, Head
from govflow.errors import StoreError
from govflow.store.engine import Database
from govflow.store.placing import COLUMNS, EMPTY, VALUE_COLUMNS, End, Pending, place, value_rows
from govflow.store.statements import run, with_marks

_PAGE: Final = 2_000
_RAW_PAGE: Final = 4_096
# SQLite keeps any value in any column, also text that is no UTF-8, which its driver does not give out.
_OF_ITS_KIND: Final = {
    "text": "CASE typeof({0}) WHEN 'text' THEN CAST({0} AS BLOB) WHEN 'null' THEN NULL ELSE -1 END",
    "bigint": "CASE typeof({0}) WHEN 'integer' THEN {0} END",
    "bytea": "CASE typeof({0}) WHEN 'blob' THEN {0} END",
}
_BEGIN: Final = "INSERT INTO audit_head (tenant, size, hash, peaks) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_MOVE: Final = "UPDATE audit_head SET size=?, hash=?, peaks=? WHERE tenant=? AND size=? AND hash=? AND peaks=?"
# From one name to the next by the index: of a million records of three tenants four rows are looked at.
_TENANTS: Final = (
    "WITH RECURSIVE one(name) AS (SELECT min(tenant) FROM {0} UNION ALL"
    " SELECT (SELECT min(tenant) FROM {0} WHERE tenant > one.name) FROM one WHERE one.name IS NOT NULL)"
    " SELECT {1} FROM one WHERE name IS NOT NULL"
)
_NO_HASH: Final = "sha256:"  # what stands where no bytes are: no record has it
_SELECT: Final = "SELECT seq, prev, hash, body FROM audit_record"
_NOTHING: Final[Mapping[str, End]] = {}


class Appended(NamedTuple):
    """The new end of a log, and how many records lead to it from the end before."""

    end: End
    records: int


def sequence(
    db: Database, spooled: Iterable[Pending], fresh: Iterable[Pending] = (), known: Mapping[str, End] = _NOTHING
) -> dict[str, Appended]:
    """Append records to the logs of their tenants, in the order given. Inside the caller's transaction.

    Args:
        db: where.
        spooled: may be in the log already, and are left out then: a spool may be handed in again.
        fresh: come after them, and are known not to be there.
        known: ends that are tried first, and behind which nothing of ``spooled`` can be.

    Returns:
        What was appended, by tenant; only of those of whom something was.
    """
    groups: dict[str, tuple[list[Pending], list[Pending]]] = {}
    for which, batch in enumerate((spooled, fresh)):
        for record in batch:
            groups.setdefault(record.tenant, ([], []))[which].append(record)
    appended: dict[str, Appended] = {}
    for tenant, (maybe, new) in groups.items():
        end = known.get(tenant)
        done = None if end is None else _append(db, tenant, end, maybe + new)
        if done is None:
            end = _end(db, tenant)
            records = [*_unknown(db, maybe), *new]
            if not records:
                continue
            done = _append(db, tenant, end, records)
        if done is None:
            raise StoreError(
                f"The head of the log of {tenant!r} was tampered with: nothing moves it.",
                mend="Restore the database; records cannot be appended to a log whose end is not known.",
            )
        appended[tenant] = done
    return appended


def _append(db: Database, tenant: str, end: End, records: list[Pending]) -> Appended | None:
    """Append records to a log that ends so; None where it ends elsewhere."""
    rows, new = place(end, records)
    if end.size:
        moved = db.execute(_MOVE, (*new, tenant, *end)).rowcount == 1
    else:
        moved = db.execute(_BEGIN, (tenant, *new)).rowcount == 1
    if not moved:
        return None
    db.insert("audit_record", COLUMNS, rows)
    db.insert("audit_value", VALUE_COLUMNS, value_rows(records))
    return Appended(new, len(records))


def _end(db: Database, tenant: str) -> End:
    row = db.execute("SELECT size, hash, peaks FROM audit_head WHERE tenant=?", (tenant,)).fetchone()
    return _read_end(tenant, row)


def places_of(db: Database, records: Sequence[Pending]) -> list[int] | None:
    """The places of records that were written all at once, or not at all. Inside the caller's transaction.

    Returns:
        One for each; None if they are not in the log.
    """
    first, last = records[0], records[-1]
    statement = "SELECT seq FROM audit_record WHERE writer=? AND writer_seq>=? AND writer_seq<=? ORDER BY writer_seq"
    found = db.execute(statement, (first.writer, first.writer_seq, last.writer_seq)).fetchall()
    return [row[0] for row in found] if len(found) == len(records) else None


def head(connection: Connection, tenant: str) -> Head:
    """What the database holds as the end of the tenant's log; an empty log has size 0.

    Raises:
        StoreError: the row cannot be the end of a log.
    """
    row = run(connection, "SELECT size, hash, peaks FROM audit_head WHERE tenant=?", (tenant,)).fetchone()
    size, last, peaks = _read_end(tenant, row)
    root = CompactRange.from_bytes(size, peaks).root()
    return Head(tenant, size, "sha256:" + last.hex(), "sha256:" + root.hex())


def walk(connection: Connection, tenant: str, start: int = 0) -> Generator[Entry]:
    """The entries of a log in order, whatever somebody has put into its rows, and their columns.

    All from one connection with a transaction begun; close it where it is left. From 0 on are also those that stand
    before it, and should not.
    """
    columns: list[str] = ["seq", "prev", "hash", "body", *Copies._fields]
    if connection.dialect.name == "sqlite":
        columns = [_OF_ITS_KIND[COLUMNS[name]].format(name) for name in columns]
    where, parameters = ("tenant=? AND seq>=?", (tenant, start)) if start else ("tenant=?", (tenant,))
    statement = f"SELECT {', '.join(columns)} FROM audit_record WHERE {where} ORDER BY seq"
    result = run(connection, statement, parameters, stream=True)
    try:
        while rows := result.fetchmany(_PAGE):
            yield from map(_as_it_is, rows)
    finally:
        result.close()


def raw_pages(connection: Connection, tenant: str, start: int, end: int) -> Iterator[list[Any]]:
    """The rows of a log from one place to before another, as the driver gives them, some thousand at once.

    Each has seq, prev, hash and body, and then what :class:`govflow.audit.record.Copies` has.
    """
    statement = f"SELECT seq, prev, hash, body, {', '.join(Copies._fields)} FROM audit_record" + (
        " WHERE tenant=? AND seq>=? AND seq<? ORDER BY seq"
    )
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        cursor, statement = driver.cursor(binary=True), with_marks(statement)
    else:
        cursor = driver.cursor()
    with closing(cursor):
        for first in range(start, end, _RAW_PAGE):
            cursor.execute(statement, (tenant, first, min(first + _RAW_PAGE, end)))
            yield cursor.fetchall()


def writers_since(connection: Connection, tenant: str, start: int) -> list[str]:
    """Who has written to a log from a place on."""
    statement = "SELECT DISTINCT writer FROM audit_record WHERE tenant=? AND seq>=?"
    return [str(row[0]) for row in run(connection, statement, (tenant, start)).fetchall()]


def last_of_writer(connection: Connection, tenant: str, writer: str, end: int) -> Entry | None:
    """The last record of a writer before a place."""
    where = "tenant=? AND writer=? AND seq<? ORDER BY writer_seq DESC LIMIT 1"
    row = run(connection, f"{_SELECT} WHERE {where}", (tenant, writer, end)).fetchone()
    return None if row is None else _entry(row)


def tenants(connection: Connection) -> list[str]:
    """Whoever has records, a head, a checkpoint or something pruned: a head alone could be taken away."""
    name = "CAST(name AS BLOB)" if connection.dialect.name == "sqlite" else "name"
    found: set[str] = set()
    for table in ("audit_record", "audit_head", "audit_checkpoint", "audit_pruned"):
        for (tenant,) in run(connection, _TENANTS.format(table, name)):
            found.add(tenant.decode(errors="replace") if isinstance(tenant, bytes) else str(tenant))
    return sorted(found)


def begins_at(connection: Connection, tenant: str) -> int:
    """The first place of a log that was not pruned, as the database says; 0 where nothing was."""
    found = run(connection, "SELECT max(until) FROM audit_pruned WHERE tenant=?", (tenant,)).scalar()
    return found if isinstance(found, int) else 0


def has_before(connection: Connection, tenant: str, first: int) -> bool:
    """Whether a row stands before the place of the first record."""
    statement = "SELECT 1 FROM audit_record WHERE tenant=? AND seq<? LIMIT 1"
    return run(connection, statement, (tenant, first)).first() is not None


def pages(db: Database, tenant: str, start: int, events: tuple[str, ...] = ()) -> Iterator[Entry]:
    """The entries of a log in order; no connection is held between pages, so the caller may take its time.

    Args:
        db: where.
        tenant: whose log.
        start: the first place.
        events: only entries with one of these events; none: all entries.
    """
    # Not by the index of events: the entries come in the order of places.
    wanted = f" AND coalesce(event, '') IN ({','.join('?' * len(events))})" if events else ""
    statement = f"{_SELECT} WHERE tenant=? AND seq>=?{wanted} ORDER BY seq LIMIT ?"
    while True:
        with db.reading() as connection:
            rows = run(connection, statement, (tenant, start, *events, _PAGE)).fetchall()
        yield from map(_entry, rows)
        if len(rows) < _PAGE:
            return
        start = rows[-1][0] + 1


def tail(
    connection: Connection, tenant: str, count: int, *, run_id: str | None = None, event: str | None = None
) -> list[Entry]:
    """The last records, oldest first."""
    where, parameters = "tenant=?", [tenant]
    for column, value in (("run_id", run_id), ("event", event)):
        if value is not None:
            where += f" AND {column}=?"
            parameters.append(value)
    statement = f"{_SELECT} WHERE {where} ORDER BY seq DESC LIMIT ?"
    rows = run(connection, statement, (*parameters, count)).fetchall()
    return [_entry(row) for row in reversed(rows)]


def entry(connection: Connection, tenant: str, seq: int) -> Entry | None:
    """One record by its place."""
    row = run(connection, f"{_SELECT} WHERE tenant=? AND seq=?", (tenant, seq)).fetchone()
    return None if row is None else _entry(row)


def last(connection: Connection, tenant: str, run_id: str, events: tuple[str, ...]) -> Entry | None:
    """The last record of a run whose event is one of ``events``."""
    marks = ",".join("?" * len(events))
    statement = f"{_SELECT} WHERE tenant=? AND run_id=? AND event IN ({marks}) ORDER BY seq DESC LIMIT 1"
    row = run(connection, statement, (tenant, run_id, *events)).fetchone()
    return None if row is None else _entry(row)


def steps_of(connection: Connection, tenant: str, run_id: str, event: str) -> frozenset[str]:
    """The steps that the records of a run with this event are about."""
    statement = "SELECT body FROM audit_record WHERE tenant=? AND run_id=? AND event=?"
    rows = run(connection, statement, (tenant, run_id, event))
    found = (parse_body(bytes(row[0])).get("step_id") for row in rows)
    return frozenset(str(step_id) for step_id in found if step_id is not None)


def _entry(row: Sequence[Any]) -> Entry:
    seq, prev, digest, body = row
    return Entry(seq, "sha256:" + prev.hex(), body, "sha256:" + digest.hex())


def _as_it_is(row: Sequence[Any]) -> Entry:
    """As :func:`_entry`, of a row in which anything may stand: what is not of its kind fits no record."""
    seq, prev, digest, body = row[:4]
    copies: list[Any] = [value.decode(errors="replace") if isinstance(value, bytes) else value for value in row[4:]]
    return Entry(
        seq if isinstance(seq, int) else -1,
        "sha256:" + prev.hex() if isinstance(prev, bytes) else _NO_HASH,
        body if isinstance(body, bytes) else b"",
        "sha256:" + digest.hex() if isinstance(digest, bytes) else _NO_HASH,
        Copies(*copies),
    )


def _unknown(db: Database, batch: Iterable[Pending]) -> Iterator[Pending]:
    known: dict[str, int] = {}
    for record in batch:
        newest = known.get(record.writer)
        if newest is None:
            statement = "SELECT max(writer_seq) FROM audit_record WHERE writer=?"
            found = db.execute(statement, (record.writer,)).fetchone()[0]
            newest = known[record.writer] = _newest_pruned(db, record.writer) if found is None else found
        if record.writer_seq > newest:
            known[record.writer] = record.writer_seq
            yield record


def _newest_pruned(db: Database, writer: str) -> int:
    """The number of a writer's last record that was pruned; -1 if none was."""
    row = db.execute("SELECT next FROM audit_pruned_writer WHERE writer=?", (writer,)).fetchone()
    return -1 if row is None else int(row[0]) - 1


def _read_end(tenant: str, row: Sequence[Any] | None) -> End:
    if row is None:
        return EMPTY
    try:
        if not (isinstance(row[1], bytes) and len(row[1]) == HASH_SIZE):
            raise ValueError("its hash is none")
        if type(row[0]) is not int or not isinstance(row[2], bytes):
            raise ValueError("its size is none, or the hashes of its subtrees are")
        CompactRange.from_bytes(row[0], row[2])
        return End(*row)
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"The head of the log of {tenant!r} was tampered with: {error}.",
            mend="Restore the database; records cannot be appended to a log whose end is not known.",
        ) from error
