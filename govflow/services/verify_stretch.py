"""Checking the records of an export from some record on, without those before it.

The first line says what the records before make up. With the records that follow it leads to the root that the
checkpoint signs, or it does not: so it need not be believed. What the records before say stays open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from govflow.audit.body import parse_body
from govflow.audit.export import Header
from govflow.audit.merkle import CompactRange
from govflow.audit.record import Entry, Head
from govflow.audit.spans import Joined
from govflow.audit.verify import Held, How, Outcome, Verdict, verify


def verify_stretch(
    first: Header,
    entries: Callable[[], Iterator[Entry]],
    own: Held | None,
    held: Held | None,
    also: Sequence[Held] = (),
) -> Verdict:
    """The verdict on records that begin behind the first.

    Args:
        first: of the file that they begin with, with the subtrees of what came before.
        entries: the records, from the first on each time that it is called.
        own: the checkpoint of the export, whose signature was checked.
        held: one that was kept elsewhere and whose signature was checked.
        also: further checkpoints of the export, likewise; those of fewer records than come before say nothing here.
    """
    if held is not None and held.size < first.size:
        words = f"The checkpoint covers {held.size} records, and these begin at record {first.size}: give a later one."
        return Verdict(Outcome.CANNOT_JUDGE, words, 0, f"a checkpoint of {held.size} records")
    for one in [*([] if held is None else [held]), *also]:
        if one.size != first.size or _tree(first).root() == one.root:
            continue
        words = f"The log was rewritten before record {first.size}: what came before is not what the checkpoint covers."
        return Verdict(
            Outcome.TAMPERED, words, 0, f"a checkpoint of {one.size} records", seq=first.size, how=How.REWRITTEN
        )
    against = own or held
    if against is None:
        words = "The export has no checkpoint: its end is missing."
        return Verdict(Outcome.CANNOT_JUDGE, words, 0, "no checkpoint")
    verdict = _walked(first, entries(), None, against, also)
    if own is not None and held is not None and verdict.hash is not None and verdict.root is not None:
        # Whole in itself; now that its end is known, it is held to what somebody else has kept.
        verdict = _walked(first, entries(), Head(first.tenant, verdict.records, verdict.hash, verdict.root), held, also)
    return _of_stretch(verdict, first, against)


def _walked(first: Header, entries: Iterator[Entry], head: Head | None, held: Held, also: Sequence[Held]) -> Verdict:
    writers: dict[str, int] = {}
    after = Joined(first.tenant, first.size, bytes.fromhex(first.hash[7:]), tree=_tree(first), writers=writers)
    return verify(_counted(entries, writers), head, held, after, also)


def _tree(first: Header) -> CompactRange:
    return CompactRange(first.size, first.peaks)


def _counted(entries: Iterator[Entry], writers: dict[str, int]) -> Iterator[Entry]:
    """The entries. A writer's first record here may have any number: its earlier ones are not in the files."""
    for entry in entries:
        try:
            body = parse_body(entry.body)
            writers.setdefault(body["writer"], body["writer_seq"])
        except ValueError:
            pass  # the walk says what is wrong with it
        yield entry


def _of_stretch(verdict: Verdict, first: Header, against: Held) -> Verdict:
    """The verdict in words that say where it begins, and how many records it is about."""
    good = verdict.records - first.size
    if verdict.outcome is Outcome.VERIFIED and not good:
        return Verdict(Outcome.CANNOT_JUDGE, "The files hold no records.", 0, verdict.against)
    if verdict.outcome is Outcome.VERIFIED:
        words = (
            f"Records {first.size} to {verdict.records - 1} verified against {verdict.against}. What came before cannot"
            f" be judged: the {first.size} records are not in these files."
        )
        return replace(verdict, words=words, records=good)
    if verdict.outcome is Outcome.CANNOT_JUDGE and verdict.records > against.size:
        words = f"{verdict.records - against.size} records are behind the checkpoint."
        return replace(verdict, words=words, records=good)
    if verdict.how is How.REWRITTEN:
        words = (
            f"What is said to come before record {first.size} was altered, or the log was rewritten: the records from"
            " there on agree with one another, and do not lead to the checkpoint."
        )
        return replace(verdict, words=words, records=good, seq=first.size)
    if verdict.how is How.ALTERED and verdict.seq == first.size - 1:
        words = f"Record {first.size} does not follow the record that the first line of its file names."
        return replace(verdict, words=words, records=good, seq=first.size)
    return replace(verdict, records=good)
