"""What the checkpoints in a database say of a log in it: its records have to lead to each of them.

Whoever can write the one table can write the other: this finds what was changed, cut or set back by somebody who forgot
them; and where whoever asks has the keys of the log, also by somebody who could not sign others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from govflow.audit.checkpoint import Checkpoint, open_checkpoint, origin_of
from govflow.audit.note import BadSignature, NotTrusted, parse_note
from govflow.audit.spans import Held
from govflow.audit.spelling import Malformed
from govflow.audit.verifier_key import VerifierKey
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
    ``keyed``: signatures were looked at; ``unsigned`` are then the sizes of those that none of the keys has signed.
    """

    helds: tuple[Held, ...] = ()
    spoilt: tuple[int, ...] = ()
    all: int = 0
    keyed: bool = False
    unsigned: tuple[int, ...] = ()


def stored_checkpoints(
    connection: Connection, tenant: str, behind: int = 0, keys: Sequence[VerifierKey] = ()
) -> Stored:
    """Read them.

    Args:
        connection: sees one moment.
        tenant: whose log.
        behind: those of at most so many records are left out.
        keys: of the log, as whoever asks got them; without any, nobody's signature is asked for.
    """
    of_tenant = (CHECKPOINT.c.tenant == tenant, CHECKPOINT.c.size > behind)
    every = select(CHECKPOINT.c.size).where(*of_tenant).order_by(CHECKPOINT.c.size.desc())
    found = list(connection.execute(every).scalars())
    sizes = [size for size in found if type(size) is int]  # SQLite keeps in a column whatever somebody puts there
    spoilt = [0] if len(sizes) < len(found) else []
    # Every second, third, tenth, counted from the newest, so that this one is always among them.
    wanted = sizes[:: -(-len(sizes) // _MOST) or 1]
    origin = _origin(connection, tenant)
    helds: list[Held] = []
    unsigned: list[int] = []
    for first in range(0, len(wanted), _AT_ONCE):
        for size, note in _notes(connection, tenant, wanted[first : first + _AT_ONCE]).items():
            told = _told(note)
            if told is None or told.size != size or told.origin != origin:
                spoilt.append(size)
                continue
            helds.append(Held(size, told.root, _KEPT))
            signed = not keys or _signed(note, told.origin, keys)
            if signed is None:
                spoilt.append(size)
            elif not signed:
                unsigned.append(size)
    left = tuple(sorted(helds, reverse=True))
    return Stored(left, tuple(sorted(spoilt)), len(found), bool(keys), tuple(sorted(unsigned)))


def _notes(connection: Connection, tenant: str, sizes: Sequence[int]) -> dict[int, Any]:
    """The notes of these sizes; None where one is a text that the driver cannot give out."""
    columns = select(CHECKPOINT.c.size, CHECKPOINT.c.note).where(CHECKPOINT.c.tenant == tenant)
    try:
        return {row.size: row.note for row in connection.execute(columns.where(CHECKPOINT.c.size.in_(sizes)))}
    except SQLAlchemyError:
        if len(sizes) == 1:
            return {sizes[0]: None}
    return {size: note for one in sizes for size, note in _notes(connection, tenant, [one]).items()}


def _origin(connection: Connection, tenant: str) -> str | None:
    try:
        return origin_of(connection.execute(select(ORIGIN.c.name)).scalar() or "", tenant)
    except (Malformed, TypeError, AttributeError, SQLAlchemyError):
        return None


def _told(note: Any) -> Checkpoint | None:
    try:
        return Checkpoint.parse(parse_note(note).text)
    except (Malformed, TypeError, AttributeError):
        return None


def _signed(note: Any, origin: str, keys: Sequence[VerifierKey]) -> bool | None:
    """Whether one of the keys has; None where what stands there as the signature of one is none."""
    try:
        open_checkpoint(note, origin=origin, keys=keys)
    except BadSignature:
        return None
    except NotTrusted:
        return False
    return True


def said_of(verdict: Verdict, stored: Stored, held: Held | None, size: int) -> Verdict:
    """The verdict on a log that was held to them, in words that say so.

    Tampered where a row holds none. Where signatures are asked for and one is missing, it cannot be judged; nor where
    there is no checkpoint at all, here or ``held``. And where they are asked for it is said how many of the ``size``
    records of the log are behind the last that was signed.
    """
    if verdict.outcome is not Outcome.VERIFIED:
        return verdict
    if not stored.all:
        words = f"What is missing: a checkpoint in {_KEPT}, which one of the keys that were given has signed."
        return _unjudged(verdict, words) if stored.keyed and held is None else verdict
    if stored.spoilt:
        size = stored.spoilt[0]
        words = f"What {_KEPT} holds as the checkpoint of {size} records was altered: it is none of this log."
        seq = min(size, verdict.records) - 1
        return replace(
            verdict, outcome=Outcome.TAMPERED, words=words, seq=max(seq, 0), how=How.ALTERED, hash=None, root=None
        )
    if stored.unsigned:
        count, last = len(stored.unsigned), stored.unsigned[-1]
        which = (
            f"The checkpoint of {last} records" if count == 1 else f"{count} checkpoints, the last of {last} records,"
        )
        words = (
            f"{which} in {_KEPT} {'is' if count == 1 else 'are'} signed by none of the keys that were given."
            " What is missing: the key that did, from somebody whom you trust; or it was put there."
        )
        return _unjudged(verdict, words)
    looked_at = f"{len(stored.helds)} of " if len(stored.helds) < stored.all else ""
    agree = "1 checkpoint in" if stored.all == 1 else f"{looked_at}{stored.all} checkpoints in"
    verb = "agrees" if stored.all == 1 else "agree"
    if not stored.keyed:
        return replace(verdict, words=f"{verdict.words} {agree} {_KEPT} {verb}.")
    words = f"{verdict.words} {agree} {_KEPT} {verb}, signed by the keys that were given."
    behind = size - max(stored.helds[0].size, 0 if held is None else held.size)
    if behind > 0:
        words += (
            f" No checkpoint covers the last {behind}: what they say is the word of whoever can write the database."
        )
    return replace(verdict, words=words)


def _unjudged(verdict: Verdict, words: str) -> Verdict:
    return replace(verdict, outcome=Outcome.CANNOT_JUDGE, words=words, hash=None, root=None)
