"""Checking a tenant's whole log: verified, tampered at a record in a way, or cannot be judged.

Pure: entries in, verdict out, in one pass and constant memory. For every record, in order:

1. its stored hash is the leaf hash of its place, its ``prev`` and its body;
2. its body belongs to this tenant;
3. its place follows the place before, and its ``prev`` is the hash of the record before;
4. the columns that repeat what the body says (:mod:`govflow.audit.copies`) do so;
5. its number follows the number before in its writer's own count (a gap proves a loss before the log);

and at the end 6. size, last hash and Merkle root are those of the head.

What this cannot see: whoever can write both records and head can rewrite them together. A verdict is worth as much as
the head that it was made against: one that was held elsewhere bounds the rewriting, one beside the records does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Final

import orjson

from govflow.audit.body import parse_body
from govflow.audit.copies import differing
from govflow.audit.leaf import leaf_bytes, leaf_hash
from govflow.audit.merkle import CompactRange
from govflow.audit.record import FORMAT, GENESIS, Copies, Entry, Head
from govflow.audit.spans import Held, Joined

__all__ = ("Held", "How", "Outcome", "Verdict", "verify")

_NEARBY: Final = 4096  # how far a record that was moved is looked for, in records either way


class Outcome(StrEnum):
    """The three answers."""

    VERIFIED = "verified"
    TAMPERED = "tampered"
    CANNOT_JUDGE = "cannot judge"


class How(StrEnum):
    """In which way a log was tampered with."""

    ALTERED = "altered"
    MISSING = "missing"
    INSERTED = "inserted"
    REORDERED = "reordered"
    DUPLICATE = "duplicate"
    TRANSPLANTED = "transplanted"
    TRUNCATED = "truncated"
    WRITER_GAP = "writer gap"
    REWRITTEN = "rewritten"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, in words that stand alone.

    ``records`` is how many were found good before the answer was known. ``seq`` and ``how`` are set when it is
    TAMPERED: the first bad record, and in which way; ``hash`` and ``root`` when it is VERIFIED.
    """

    outcome: Outcome
    words: str
    records: int
    against: str
    seq: int | None = None
    how: How | None = None
    hash: str | None = None
    root: str | None = None


class _Found(Exception):
    """The first bad record."""

    def __init__(self, seq: int, how: How, words: str) -> None:
        super().__init__(words)
        self.seq, self.how, self.words = seq, how, words


def verify(
    entries: Iterable[Entry],
    head: Head | None,
    held: Held | None = None,
    after: Joined | None = None,
    also: Sequence[Held] = (),
) -> Verdict:
    """Check a log from its first record to its last.

    Args:
        entries: all records of one tenant, in the order in which they are held.
        head: what the log is checked against. Without it a cut at the end cannot be seen, so that even records that
            agree with one another give CANNOT_JUDGE.
        held: a checkpoint that was kept elsewhere and whose signature was checked: nothing before it can have been
            rewritten, whoever holds the database. It stands in for a head that is not there.
        after: what is known to be good already: ``entries`` begin behind it. It is used up.
        also: further checkpoints that the log is held to. They stand in for nothing: whoever wrote the records may have
            written them too.
    """
    against = f"the head of {head.tenant!r} with {head.size} records" if head else "no head"
    if held is not None:
        against = f"a checkpoint of {held.size} records" + (f" and {against}" if head else "")
    every = [*([] if held is None else [held]), *also]
    walk = _Walk(head.tenant if head else None, every, after)
    try:
        walk.through(iter(entries))
        for one in every:
            walk.at_least(one)
        if head is not None:
            walk.at_end(head)
    except _Found as bad:
        return Verdict(Outcome.TAMPERED, bad.words, walk.size, against, seq=bad.seq, how=bad.how)
    if walk.unread is not None:  # not before all that follows was seen to lead to it
        place, why = walk.unread
        return Verdict(Outcome.CANNOT_JUDGE, f"Record {place} cannot be read: {why}.", place, against)
    root = "sha256:" + walk.tree.root().hex()
    if head is None and held is not None and walk.size == held.size:
        words = f"{walk.size} records verified against {against}."
        return Verdict(Outcome.VERIFIED, words, walk.size, against, hash=walk.prev, root=root)
    if head is None:
        words = f"{walk.size} records agree with one another; without a head a cut at the end cannot be seen."
        return Verdict(Outcome.CANNOT_JUDGE, words, walk.size, against)
    words = f"{walk.size} records verified against {against}."
    return Verdict(Outcome.VERIFIED, words, walk.size, against, hash=walk.prev, root=root)


class _Walk:
    """The state of one pass. ``size`` records are good, the last of them has the hash ``prev``."""

    def __init__(self, tenant: str | None, every: Sequence[Held], after: Joined | None) -> None:
        self.tenant = tenant
        self.held: dict[int, list[Held]] = {}
        for one in every:
            self.held.setdefault(one.size, []).append(one)
        self.size = 0
        self.prev = GENESIS
        self.before = GENESIS  # ``prev`` of the last good record: tells an inserted record from an altered one
        self.tree = CompactRange()
        self.writers: dict[str, int] = {}  # writer to its next number
        self.unread: tuple[int, str] | None = None  # the first whose meaning this version does not know, and why
        if after is not None:
            self.tenant, self.size, self.tree, self.writers = after.tenant, after.size, after.tree, after.writers
            self.prev, self.before = "sha256:" + after.prev.hex(), "sha256:" + after.before.hex()

    def through(self, entries: Iterator[Entry]) -> None:
        """Take every entry; raise at the first that is bad."""
        append = self.tree.append
        for entry in entries:
            if leaf_hash(leaf_bytes(entry.seq, entry.prev, entry.body)) != entry.hash:
                self._explain_hash(entry, entries)
            body = self._parsed(entry)
            if body is not None and body["tenant"] != self.tenant:
                if self.tenant is not None:
                    words = f"Record {self.size} was transplanted: it belongs to the log of {body['tenant']!r}."
                    raise _Found(self.size, How.TRANSPLANTED, words)
                self.tenant = body["tenant"]
            if entry.seq != self.size or entry.prev != self.prev:
                self._explain_link(entry, entries)
            if body is not None and entry.copies is not None:
                self._compare(body, entry.copies)
            if body is not None and self.unread is None:  # of what was not read the writer is not known
                self._count(body)
            append(bytes.fromhex(entry.hash[7:]))
            self.size += 1
            self.before, self.prev = entry.prev, entry.hash
            if self.size in self.held:
                self._hold(self.held[self.size])

    def _compare(self, body: dict[str, Any], copies: Copies) -> None:
        column = differing(body, copies)
        if column is not None:
            words = f"Record {self.size} was altered: its column {column!r} does not say what its bytes say."
            raise _Found(self.size, How.ALTERED, words)

    def _hold(self, every: Sequence[Held]) -> None:
        """Compare what was walked with the checkpoints of this size."""
        for held in every:
            if self.tree.root() != held.root:
                words = (
                    f"The log was rewritten before record {self.size}: its first {self.size} records agree with one"
                    f" another, and are not those of the checkpoint{_where(held)}."
                )
                raise _Found(self.size - 1, How.REWRITTEN, words)

    def at_least(self, held: Held) -> None:
        """The log has all that the checkpoint covers."""
        if self.size < held.size:
            words = f"The log was truncated: it ends before record {self.size}; the checkpoint{_where(held)} covers"
            words += f" {held.size}."
            raise _Found(self.size, How.TRUNCATED, words)

    def at_end(self, head: Head) -> None:
        """Compare what was walked with the head."""
        if head.size > self.size:
            words = f"The log was truncated: it ends before record {self.size}; its head counts {head.size} records."
            raise _Found(self.size, How.TRUNCATED, words)
        if head.size < self.size:
            words = f"Record {head.size} was inserted: the head of the log counts {head.size} records only."
            raise _Found(head.size, How.INSERTED, words)
        last = max(self.size - 1, 0)
        if head.hash != self.prev:
            raise _Found(last, How.ALTERED, f"Record {last} was altered: the head of the log holds another hash of it.")
        if head.root != "sha256:" + self.tree.root().hex():
            words = "The head of the log was altered: its Merkle root is not that of its records."
            raise _Found(last, How.ALTERED, words)

    def _parsed(self, entry: Entry) -> dict[str, Any] | None:
        """What the bytes say; None where this version does not know: those of the records behind it may say more."""
        try:
            body: dict[str, Any] = orjson.loads(entry.body)
            # The short way for what this version writes; whatever else it is, parse_body says so in words.
            if body["format"] != FORMAT or type(body["writer_seq"]) is not int:
                raise ValueError
            if [type(body[name]) for name in ("tenant", "writer", "payload")] != [str, str, dict]:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            try:
                return parse_body(entry.body)
            except ValueError as error:
                self.unread = self.unread or (self.size, str(error))
                return None
        return body

    def _count(self, body: dict[str, Any]) -> None:
        writer, number = body["writer"], body["writer_seq"]
        expected = self.writers.get(writer, 0)
        if number == expected:
            self.writers[writer] = number + 1
        elif number < expected:
            words = f"Record {self.size} is a duplicate: record {number} of writer {writer} is in the log already."
            raise _Found(self.size, How.DUPLICATE, words)
        else:
            words = (
                f"Before record {self.size} something was lost: writer {writer} went from {expected} to {number},"
                f" {number - expected} of its records never reached the log."
            )
            raise _Found(self.size, How.WRITER_GAP, words)

    def _explain_hash(self, entry: Entry, rest: Iterator[Entry]) -> None:
        """The stored hash is not that of place, ``prev`` and body: was the record moved, or changed?"""
        place = self.size
        home = _home(entry)
        if home is None:
            words = f"Record {place} was altered: its bytes do not have the hash that is stored with it."
            raise _Found(place, How.ALTERED, words)
        if self.tenant is not None and _tenant_of(entry) not in {None, self.tenant}:
            words = f"Record {place} was transplanted: it belongs to the log of {_tenant_of(entry)!r}."
            raise _Found(place, How.TRANSPLANTED, words)
        if home == place:
            words = f"Record {place} was altered: it has the number {entry.seq}, and was written as record {home}."
            raise _Found(place, How.ALTERED, words)
        if home == place - 1 and entry.prev == self.before and entry.hash != self.prev:
            words = f"Record {home} was inserted: what was written in its place stands behind it, renumbered."
            raise _Found(home, How.INSERTED, words)
        if home < place:  # where the record of that number has been found good
            words = f"Record {place} is a duplicate: it was written as record {home}."
            raise _Found(place, How.DUPLICATE, words)
        # It is whole, but for a later place. If the one for this place comes later too they were exchanged.
        if any(_fits(other, place, self.prev) for other in islice(rest, _NEARBY)):
            words = f"Record {place} was reordered: what stands there was written as record {home}."
            raise _Found(place, How.REORDERED, words)
        words = f"Record {place} is missing: what stands there was written as record {home}, and renumbered."
        raise _Found(place, How.MISSING, words)

    def _explain_link(self, entry: Entry, rest: Iterator[Entry]) -> None:
        """The record is whole in itself but does not follow the one before."""
        place = self.size
        if entry.seq > place:
            if any(other.seq == place for other in islice(rest, _NEARBY)):
                words = f"Record {place} was reordered: record {entry.seq} stands in its place."
                raise _Found(place, How.REORDERED, words)
            last = entry.seq - 1
            span = f"Record {place} is" if last == place else f"Records {place} to {last} are"
            raise _Found(place, How.MISSING, f"{span} missing: record {entry.seq} comes next.")
        if entry.seq < 0:
            words = f"Record {entry.seq} was inserted: the first record of a log is record 0."
            raise _Found(entry.seq, How.INSERTED, words)
        if entry.seq < place:
            if entry.hash == self.prev or entry.seq < place - 1:
                words = f"Record {entry.seq} is a duplicate: it stands in the log again, behind record {place - 1}."
                raise _Found(entry.seq, How.DUPLICATE, words)
            words = f"Record {entry.seq} was inserted: another record of that number stands before it."
            raise _Found(entry.seq, How.INSERTED, words)
        if place == 0:
            raise _Found(0, How.ALTERED, "Record 0 was altered: it points to a record before it, and there is none.")
        words = f"Record {place - 1} was altered and its hash made anew: record {place} holds the hash that it had."
        raise _Found(place - 1, How.ALTERED, words)


def _where(held: Held) -> str:
    return f" in {held.kept}" if held.kept else ""


def _home(entry: Entry) -> int | None:
    """The place for which the stored hash was made, if it is nearby."""
    if _fits(entry, entry.seq + 1, entry.prev):
        return entry.seq + 1
    for place in range(max(0, entry.seq - _NEARBY), entry.seq + _NEARBY):
        if _fits(entry, place, entry.prev):
            return place
    return None


def _fits(entry: Entry, seq: int, prev: str) -> bool:
    return entry.prev == prev and leaf_hash(leaf_bytes(seq, prev, entry.body)) == entry.hash


def _tenant_of(entry: Entry) -> str | None:
    try:
        tenant = parse_body(entry.body)["tenant"]
    except ValueError:
        return None
    return tenant if isinstance(tenant, str) else None
