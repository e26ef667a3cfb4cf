"""Where in the files of an export its spans lie, and checking one of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from govflow.audit.export import NOTE, checkpoint_in, hash_in
from govflow.audit.record import GENESIS
from govflow.audit.spans import SPAN, Span, SpanCheck

LINE: Final = 1 << 24  # bytes; a record is far smaller, and a file without line ends must not fill the memory
_READ: Final = 1 << 21  # bytes of lines that are checked at once


class Piece(NamedTuple):
    """Lines of records that follow one another: bytes of a file, from one to before another."""

    file: Path
    start: int
    end: int


class Part(NamedTuple):
    """A span of records: from ``start`` to before ``end``; ``marks`` as of :class:`SpanCheck`."""

    tenant: str
    start: int
    end: int
    pieces: tuple[Piece, ...]
    marks: tuple[int, ...] = ()


@dataclass(slots=True)
class Contents:
    """What stands in the files behind their headers: the notes of checkpoints, and the spans of records.

    ``before`` says for each file how many records stand in those before it, and the hash that is written with the last.
    ``whole`` is False where a line has no end, or is longer than any record: then spans cannot be told apart.
    """

    notes: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    records: int = 0
    whole: bool = True
    before: list[tuple[int, str]] = field(default_factory=list)


def contents_of(files: Sequence[Path], tenant: str) -> Contents:
    """Look through files, in their order, for what they hold. ``ValueError``: a checkpoint that is none."""
    found = Contents()
    pieces: list[Piece] = []
    first = 0

    def close_part() -> None:
        nonlocal pieces, first
        if found.records > first:
            found.parts.append(Part(tenant, first, found.records, tuple(pieces)))
        pieces, first = [], found.records

    last = b""
    for file in files:
        found.before.append((found.records, hash_in(last) if last else GENESIS))
        with file.open("rb") as lines:
            at = start = len(lines.readline(LINE))
            while line := lines.readline(LINE):
                after = at + len(line)
                if line.startswith(NOTE) and (note := checkpoint_in(line)) is not None:
                    found.notes.append(note)
                    _close(pieces, file, start, at)
                    start = after
                else:
                    last = line
                    found.records += 1
                    found.whole &= line.endswith(b"\n")
                    if found.records % SPAN == 0:
                        _close(pieces, file, start, after)
                        start = after
                        close_part()
                at = after
            _close(pieces, file, start, at)
    close_part()
    return found


def marked(parts: Sequence[Part], marks: Sequence[int]) -> Iterator[Part]:
    """The parts, each with the marks that lie in it. ``marks`` are in order."""
    for part in parts:
        yield part._replace(marks=tuple(marks[bisect_right(marks, part.start) : bisect_right(marks, part.end)]))


def check_part(part: Part) -> Span | None:
    """What is known of a part of an export; None if something is wrong in it.

    Raises:
        OSError: a file cannot be read.
    """
    check = SpanCheck(part.tenant, part.start, part.marks)
    for piece in part.pieces:
        with piece.file.open("rb") as lines:
            at = lines.seek(piece.start)
            # readlines goes on until it has more than it was told, so it is told one byte less than there is.
            while at < piece.end and (batch := lines.readlines(max(1, min(_READ, piece.end - at - 1)))):
                at += sum(map(len, batch))
                if not check.lines(batch):
                    return None
    return check.result() if check.place == part.end else None


def _close(pieces: list[Piece], file: Path, start: int, end: int) -> None:
    if end > start:
        pieces.append(Piece(file, start, end))
