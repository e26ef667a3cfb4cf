"""What the checkpoints in a database say of a log in it: its records have to lead to each of them.

Whoever can write the one table can write the other: this finds what was changed, cut or set back by somebody who forgot
them, or could not sign others. Signatures are not checked here; those who hold the keys do that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from govflow.audit.checkpoint import Checkpoint, origin_of
from govflow.audit.note import parse_note
from govflow.audit.spans import Held
from govflow.audit.spelling import Malformed
from govflow.audit.verify import How, Outcome, Verdict
from govflow.store.tables import AUDIT_CHECKPOINT as CHECKPOINT
from govflow.store.tables import AUDIT_ORIGIN as ORIGIN

_MOST: Final = 256  # each costs some 200 µs: 50 ms of a log of any size
_KEPT: Final = "its own database"
_AT_ONCE: Final = 100  # rows of one statement


@dataclass(frozen=True, slots=True)
class Stored:
    """Checkpoints of a log, the largest first; where there are very many, the newest and others all along the log.

    ``spoilt`` are the sizes of rows that hold no checkpoint of that log and size. ``all`` is how many there are.
    """

    helds: tuple[Held, ...] = ()
    spoilt: tuple[int, ...] = ()
    all: int = 0


def stored_checkpoints(connection: Connection, tenant: str, behind: int = 0) -> Stored:
    """Read them. ``connection`` sees one moment; those of at most ``behind`` records are left out."""
    of_tenant = (CHECKPOINT.c.tenant == tenant, CHECKPOINT.c.size > behind)
    every = select(CHECKPOINT.c.size).where(*of_tenant).order_by(CHECKPOINT.c.size.desc())
    found = list(connection.execute(every).scalars())
    sizes = [size for size in found if type(size) is int]  # SQLite keeps in a column whatever somebody puts there
    spoilt = [0] if len(sizes) < len(found) else []
    # Every second, third, tenth, counted from the newest, so that this one is always among them.
    wanted = sizes[:: -(-len(sizes) // _MOST) or 1]
    origin = _origin(connection.execute(select(ORIGIN.c.name)).scalar(), tenant)
    helds: list[Held] = []
    for first in range(0, len(wanted), _AT_ONCE):
        for size, note in _notes(connection, tenant, wanted[first : first + _AT_ONCE]).items():
            told = _told(note)
            if told is not None and told.size == size and told.origin == origin:
                helds.append(Held(size, told.root, _KEPT))
            else:
                spoilt.append(size)
    return Stored(tuple(sorted(helds, reverse=True)), tuple(sorted(spoilt)), len(found))


def _notes(connection: Connection, tenant: str, sizes: Sequence[int]) -> dict[int, Any]:
    """The notes of these sizes; None where one is a text that the driver cannot give out."""
    columns = select(CHECKPOINT.c.size, CHECKPOINT.c.note).where(CHECKPOINT.c.tenant == tenant)
    try:
        return {row.size: row.note for row in connection.execute(columns.where(CHECKPOINT.c.size.in_(sizes)))}
    except SQLAlchemyError:
        if len(sizes) == 1:
            return {sizes[0]: None}
    return {size: note for one in sizes for size, note in _notes(connection, tenant, [one]).items()}


def _origin(name: Any, tenant: str) -> str | None:
    try:
        return origin_of(name, tenant)
    except (Malformed, TypeError, AttributeError):
        return None


def _told(note: Any) -> Checkpoint | None:
    try:
        return Checkpoint.parse(parse_note(note).text)
    except (Malformed, TypeError, AttributeError):
        return None


def said_of(verdict: Verdict, stored: Stored) -> Verdict:
    """The verdict on a log that was held to them, in words that say so; tampered where a row holds none."""
    if verdict.outcome is not Outcome.VERIFIED or not stored.all:
        return verdict
    if stored.spoilt:
        size = stored.spoilt[0]
        words = f"What {_KEPT} holds as the checkpoint of {size} records was altered: it is none of this log."
        seq = min(size, verdict.records) - 1
        return replace(
            verdict, outcome=Outcome.TAMPERED, words=words, seq=max(seq, 0), how=How.ALTERED, hash=None, root=None
        )
    looked_at = f"{len(stored.helds)} of " if len(stored.helds) < stored.all else ""
    agree = "1 checkpoint in" if stored.all == 1 else f"{looked_at}{stored.all} checkpoints in"
    verb = "agrees" if stored.all == 1 else "agree"
    return replace(verdict, words=f"{verdict.words} {agree} {_KEPT} {verb}.")
