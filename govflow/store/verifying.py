"""Checking a tenant's log as the database holds it: span by span and fast, and record by record where one is bad."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Final, NamedTuple

from sqlalchemy import Connection

from govflow.audit.spans import SPAN, Joined, Span, SpanCheck, Told, join, roots_of
from govflow.audit.verifier_key import VerifierKey
from govflow.audit.verify import Held, How, Outcome, Verdict, verify
from govflow.errors import StoreError
from govflow.store import log
from govflow.store.engine import Database
from govflow.store.location import open_database
from govflow.store.pruned import Pruned, leads_to, pruned
from govflow.store.stored_checkpoints import said_of, stored_checkpoints
from govflow.store.verifying_since import joined_at
from govflow.store.verifying_values import checked_values


class Part(NamedTuple):
    """A span of a log to be checked: from one place to before another; ``marks`` as of :class:`SpanCheck`."""

    tenant: str
    start: int
    end: int
    marks: tuple[int, ...] = ()


Checker = Callable[[Sequence[Part]], Generator[Span | None]]
"""Checks parts, in their order; None for one in which something is wrong."""


def verify_at_one_moment(
    db: Database,
    connection: Connection,
    tenant: str,
    held: Held | None,
    checker: Checker | None,
    told: Told,
    keys: Sequence[VerifierKey] = (),
) -> Verdict:
    """Check a log against the head beside it, and against the checkpoints in the same database.

    Args:
        db: where.
        connection: sees one moment.
        tenant: whose log.
        held: a checkpoint that was kept elsewhere.
        checker: who checks the spans; None: this thread does.
        told: called after each span.
        keys: of the log, as whoever asks got them: the checkpoints in the database have to be signed by them.
    """
    gone = pruned(connection, tenant)
    try:
        head = log.head(connection, tenant)
    except StoreError as error:  # its row cannot be the end of any log
        begins = 0 if gone is None or log.has_before(connection, tenant, gone.until) else gone.until
        with closing(log.walk(connection, tenant, begins)) as entries:
            verdict = verify(entries, None, held, None if gone is None else gone.good)
        if verdict.outcome is Outcome.TAMPERED:
            return verdict
        last = max(verdict.records - 1, 0)
        return Verdict(Outcome.TAMPERED, str(error), verdict.records, "its head", seq=last, how=How.ALTERED)
    if gone is not None and held is not None and held.size <= gone.until:
        refused = _refused(connection, tenant, held, gone)
        if refused is not None:
            return refused
    stored = stored_checkpoints(connection, tenant, 0 if gone is None else gone.until, keys)
    roots = roots_of([*([] if held is None else [held]), *stored.helds])
    good = Joined(tenant) if gone is None else gone.good
    start = good.size
    if not log.has_before(connection, tenant, start):
        parts = parts_of(tenant, start, head.size, sorted(roots))
        spans = (span_of(db, connection, part) for part in parts)
        if checker is not None and len(parts) > 1:
            spans = checker(parts)
        with closing(spans):
            join(good, spans, roots, head.size, told)
        start = good.size
    else:
        start = 0  # what should not be there comes first
    with closing(log.walk(connection, tenant, start)) as entries:
        verdict = verify(entries, head, held, good, stored.helds)
    if head.size == 0 and held is None and verdict.outcome is Outcome.VERIFIED and not stored.all:
        words = f"What is missing: the log. Nothing in this database is of the tenant {tenant!r}."
        return replace(verdict, outcome=Outcome.CANNOT_JUDGE, words=words, hash=None, root=None)
    verdict = checked_values(connection, tenant, verdict, 0 if gone is None else gone.until, head.size)
    if gone is None or verdict.outcome is not Outcome.VERIFIED:
        return said_of(verdict, stored, held, head.size)
    words = f"Records {gone.until} to {verdict.records - 1} verified against {verdict.against}."
    verdict = said_of(replace(verdict, words=words, records=verdict.records - gone.until), stored, held, head.size)
    return replace(verdict, words=verdict.words + gone.words())


def _refused(connection: Connection, tenant: str, held: Held, gone: Pruned) -> Verdict | None:
    """What is wrong where a checkpoint covers nothing but what was pruned: of that, the tree is left to compare."""
    against = f"a checkpoint of {held.size} records"
    try:
        if leads_to(connection, tenant, held, gone.good):
            return None
    except StoreError as error:
        words = f"{error.message} So the checkpoint of {held.size} records cannot be compared."
        return Verdict(Outcome.CANNOT_JUDGE, words, 0, against)
    words = (
        f"The log was rewritten before record {held.size}: the tree over its records, which were pruned, is not that"
        " of the checkpoint."
    )
    return Verdict(Outcome.TAMPERED, words, 0, against, seq=held.size - 1, how=How.REWRITTEN)


def verify_since(
    db: Database, connection: Connection, tenant: str, held: Held, told: Told, keys: Sequence[VerifierKey] = ()
) -> Verdict:
    """Check what follows a checkpoint; all of the log where the database does not lead to that checkpoint.

    Args:
        db: where.
        connection: sees one moment.
        tenant: whose log.
        held: the checkpoint, which is trusted.
        told: called where all of the log is read.
        keys: as above; of the checkpoints behind the one that is trusted.
    """
    if held.size <= log.begins_at(connection, tenant):
        return verify_at_one_moment(db, connection, tenant, held, None, told, keys)
    good = joined_at(connection, tenant, held)
    if good is None:
        verdict = verify_at_one_moment(db, connection, tenant, held, None, told, keys)
        more = " Its tiles do not lead to the checkpoint, so every record was read."
        return replace(verdict, words=verdict.words + more)
    try:
        head = log.head(connection, tenant)
    except StoreError:
        return verify_at_one_moment(db, connection, tenant, held, None, told, keys)
    stored = stored_checkpoints(connection, tenant, held.size, keys)
    with closing(log.walk(connection, tenant, held.size)) as entries:
        verdict = verify(entries, head, held, good, stored.helds)
    verdict = said_of(checked_values(connection, tenant, verdict, held.size, head.size), stored, held, head.size)
    more = f" Not read again were the first {held.size} records, which the checkpoint covers."
    return replace(verdict, words=verdict.words + more)


def span_of(db: Database, connection: Connection, part: Part) -> Span | None:
    """What is known of a part of a log; None if something is wrong in it, or it cannot be read."""
    check = SpanCheck(part.tenant, part.start, part.marks)
    try:
        for rows in log.raw_pages(connection, part.tenant, part.start, part.end):
            if not check.rows(rows):
                return None
    except db.failures:  # whoever reads record by record says what it is
        return None
    return check.result() if check.place == part.end else None


def check_part(url: str, part: Part) -> Span | None:
    """As :func:`span_of`, in a process that has no database open."""
    db = _opened.get(url)
    if db is None:
        db = _opened[url] = open_database(url)
    with db.snapshot() as connection:
        return span_of(db, connection, part)


_opened: Final[dict[str, Database]] = {}


def parts_of(tenant: str, start: int, size: int, marks: Sequence[int]) -> list[Part]:
    """The records from one place to before another, in parts that are each one subtree, but for the end.

    Args:
        tenant: whose log.
        start: the first place; a multiple of 256, so that there are few small ones.
        size: of the log, or of what is asked for of it.
        marks: numbers of records whose roots are asked for, in order.
    """
    found = []
    while start < size:
        widest = min(start & -start, SPAN) if start else SPAN
        end = min(start + widest, size)
        found.append(Part(tenant, start, end, tuple(marks[bisect_right(marks, start) : bisect_right(marks, end)])))
        start = end
    return found
