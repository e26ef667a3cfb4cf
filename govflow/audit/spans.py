"""Checking spans of a log fast: whether all is as it was written. What is wrong, and where, is said elsewhere.

A *span* is the records from one place to another. It is checked by itself, in large batches, and gives what its
neighbours and the tree need to know of it (:class:`Span`); so spans may be checked by several processes, and
:class:`Joined` puts them together in order. Both only ever say that all is well or that something is not: then
:mod:`govflow.audit.verify` goes over the records one by one, from where all was well, and finds the words.

The checks are those of :func:`govflow.audit.verify.verify`, of every record: hash, ``prev``, place, tenant, writer's
number, and the columns that repeat what the body says.
"""

from __future__ import annotations

from binascii import hexlify
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from govflow.audit.copies import moment_of, same_rule
from govflow.audit.merkle import CompactRange
from govflow.audit.record import FORMAT, GENESIS


class Held(NamedTuple):
    """What a checkpoint says of a log: how many records, and the root of their tree (32 bytes).

    ``kept`` is where it was found, in words that go behind "in"; empty where somebody kept it elsewhere.
    """

    size: int
    root: bytes
    kept: str = ""


Roots = Mapping[int, frozenset[bytes]]
"""The roots that a log has to have at these sizes; where there are several for one, it cannot have them."""


def roots_of(helds: Iterable[Held]) -> Roots:
    """What checkpoints demand of a log."""
    found: dict[int, frozenset[bytes]] = {}
    for held in helds:
        found[held.size] = found.get(held.size, frozenset()) | {held.root}
    return found


Told = Callable[[int, int | None], None]
"""Takes how many records were checked, and how many there are."""

SPAN: Final = 1 << 16
"""Records of a span: a power of two, so that each full span is one subtree."""

Row = tuple[Any, ...]
"""A row as the driver gives it: seq, prev, hash, body, writer, writer_seq, event, subject, run_id, at, rule."""

GENESIS_BYTES: Final = bytes.fromhex(GENESIS[7:])
_PARTS: Final = (b'{"hash":"sha256:', b'","leaf":', b'{"body":', b'"prev":"sha256:', b'","seq":')


@dataclass(frozen=True, slots=True)
class Span:
    """A span in which all is well.

    ``before`` is what its first record has as ``prev``; ``last`` the hash of its last record and ``last_prev`` what
    that one has as ``prev``, 32 bytes each. ``writers`` maps a writer to its first number in the span and the one after
    its last. ``peaks`` are the full subtrees of the span by themselves, largest first; ``marked`` are, for each mark in
    it, how many records it has up to there, and their peaks.
    """

    start: int
    size: int
    before: bytes
    last: bytes
    last_prev: bytes
    writers: dict[str, tuple[int, int]]
    peaks: tuple[bytes, ...]
    marked: tuple[tuple[int, tuple[bytes, ...]], ...] = ()


class SpanCheck:
    """The check of one span, fed in batches of rows, or of lines of an export.

    Args:
        tenant: whose log.
        start: place of the first record; such that the span is one subtree, or the beginning of one.
        marks: numbers of records of the log whose roots are asked for, in order; those that lie in this span count.
        before: the hash of the record before, where it is known; else the first record is believed.
    """

    def __init__(self, tenant: str, start: int, marks: Sequence[int] = (), before: bytes | None = None) -> None:
        self.tenant = tenant
        self.start = self.place = start
        self.marks = [mark - start for mark in marks[bisect_right(marks, start) :]]
        self.before = GENESIS_BYTES if start == 0 else before
        self.last = self.before
        self.last_prev = GENESIS_BYTES
        self.writers: dict[str, list[int]] = {}
        self.tree = CompactRange()
        self.marked: list[tuple[int, tuple[bytes, ...]]] = []

    def rows(self, rows: Sequence[Row]) -> bool:
        """Take the next rows; False if not all is well with them."""
        try:
            return self._rows(rows)
        except (ValueError, KeyError, TypeError, AttributeError):  # a body that is none, a column of another type
            return False

    def lines(self, lines: Sequence[bytes]) -> bool:
        """Take the next lines of records of an export; False if not all is well with them."""
        try:
            return self._lines(lines)
        except (ValueError, KeyError, TypeError):
            return False

    def result(self) -> Span | None:
        """What is known of the span; None if it has no records."""
        if self.before is None or self.last is None or self.place == self.start:
            return None
        size, peaks = self.place - self.start, tuple(self.tree.peaks())
        writers = {writer: (first, after) for writer, (first, after) in self.writers.items()}
        return Span(self.start, size, self.before, self.last, self.last_prev, writers, peaks, tuple(self.marked))

    def _rows(self, rows: Sequence[Row]) -> bool:
        place, last, last_prev = self.place, self.last, self.last_prev
        if last is None and rows:
            if not isinstance(rows[0][1], bytes):
                return False
            self.before = last = rows[0][1]
        hashes: list[bytes] = []
        # Names of this function, and nothing called that can be said here: all of this is done for each record.
        hash_of, parse, tenant, writers, keep = sha256, orjson.loads, self.tenant, self.writers, hashes.append
        told_at, told_moment = "", 0
        for seq, prev, digest, body, writer, number, event, subject, run_id, at, rule in rows:
            if seq != place or prev != last:
                return False
            if hash_of(b'\0{"body":%b,"prev":"sha256:%b","seq":%d}' % (body, hexlify(prev), place)).digest() != digest:
                return False
            found = parse(body)
            if found["at"] != told_at:
                told_at = found["at"]
                told_moment = moment_of(told_at)
            seen = writers.get(writer)
            if seen is None:
                writers[writer] = seen = [number, number]
            if (
                at != told_moment
                or seen[1] != number
                or type(number) is not int
                or type(found["writer_seq"]) is not int
                or found["writer_seq"] != number
                or found["writer"] != writer
                or found["tenant"] != tenant
                or found["event"] != event
                or found["subject"] != subject
                or found.get("run_id") != run_id
                or found["format"] != FORMAT
                or (found["payload"].get("rule") != rule and not same_rule(found, rule))
            ):
                return False
            seen[1] = number + 1
            keep(digest)
            last_prev, last = prev, digest
            place += 1
        self.last, self.last_prev = last, last_prev
        return self._grown(hashes)

    def _lines(self, lines: Sequence[bytes]) -> bool:
        opens, middle, body_name, prev_name, seq_name = _PARTS
        hash_from, hash_to = len(opens), len(opens) + 64
        leaf_at = hash_to + len(middle)
        body_at = leaf_at + len(body_name)
        place, last, last_prev = self.place, self.last, self.last_prev
        if last is None and lines:
            at = lines[0].rindex(prev_name) + len(prev_name)
            self.before = last = bytes.fromhex(lines[0][at : at + 64].decode())
        if last is None:
            return not lines
        hashes: list[bytes] = []
        hash_of, parse, tenant, count = sha256, orjson.loads, self.tenant, self._count
        written = hexlify(last)
        for line in lines:
            ends = b",%b%b%b%d}}\n" % (prev_name, written, seq_name, place)
            digest = hash_of(b"\0" + line[leaf_at:-2]).digest()
            found_hash = line[hash_from:hash_to]
            prev_written, written = written, hexlify(digest)
            if (
                found_hash != written
                or not line.startswith(opens)
                or not line.endswith(ends)
                or line[hash_to:body_at] != middle + body_name
            ):
                return False
            found = parse(line[body_at : -len(ends)])
            if found["tenant"] != tenant or not count(found):
                return False
            hashes.append(digest)
            last_prev, last = bytes.fromhex(prev_written.decode()), digest
            place += 1
        self.last, self.last_prev = last, last_prev
        return self._grown(hashes)

    def _count(self, body: dict[str, Any]) -> bool:
        writer, number = body["writer"], body["writer_seq"]
        if type(writer) is not str or type(number) is not int or type(body["payload"]) is not dict:
            return False
        if body["format"] != FORMAT:
            return False
        seen = self.writers.setdefault(writer, [number, number])
        seen[1] += 1
        return seen[1] == number + 1

    def _grown(self, hashes: list[bytes]) -> bool:
        before, taken = self.tree.size, 0
        while len(self.marked) < len(self.marks) and (mark := self.marks[len(self.marked)]) <= before + len(hashes):
            self.tree.extend(hashes[taken : mark - before])
            self.marked.append((mark, tuple(self.tree.peaks())))
            taken = mark - before
        self.tree.extend(hashes[taken:] if taken else hashes)
        self.place = self.start + self.tree.size
        return True


@dataclass(slots=True)
class Joined:
    """Spans put together in order, and thereby where a walk over the rest of the log may begin.

    ``size`` records are good; ``prev`` is the hash of the last of them, ``before`` what that one has as ``prev``.
    ``writers`` maps a writer to its next number.
    """

    tenant: str
    size: int = 0
    prev: bytes = GENESIS_BYTES
    before: bytes = GENESIS_BYTES
    tree: CompactRange = field(default_factory=CompactRange)
    writers: dict[str, int] = field(default_factory=dict)

    def add(self, span: Span, roots: Roots) -> bool:
        """Put the next span behind; False if it does not follow, and nothing is changed then.

        Args:
            span: begins where this ends.
            roots: what the roots at the marks of the span have to be.
        """
        if span.start != self.size or span.before != self.prev:
            return False
        if any(self.writers.get(writer, 0) != first for writer, (first, _) in span.writers.items()):
            return False
        for size, peaks in span.marked:
            mark = CompactRange(self.tree.size, self.tree.peaks())
            mark.append_subtrees(peaks, size)
            if {mark.root()} != roots[mark.size]:
                return False
        self.tree.append_subtrees(span.peaks, span.size)
        self.writers.update((writer, after) for writer, (_, after) in span.writers.items())
        self.size, self.prev, self.before = self.size + span.size, span.last, span.last_prev
        return True


def join(good: Joined, spans: Iterable[Span | None], roots: Roots, size: int, told: Told) -> None:
    """Put spans behind what is good already, up to the first in which, or before which, something is wrong.

    Args:
        good: grows.
        spans: in order; None for one in which something is wrong.
        roots: what checkpoints demand, at whose sizes the spans in which they lie were marked.
        size: records of the log.
        told: called after each span with the records that are good, and ``size``.
    """
    for span in spans:
        if span is None or not good.add(span, roots):
            return
        told(good.size, size)
