"""Which checkpoint enough witnesses have cosigned: of the file that an auditor kept, the database, or an export."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from govflow.audit.checkpoint import Opened, open_checkpoint
from govflow.audit.note import Note, NotTrusted, parse_note
from govflow.audit.spans import Held
from govflow.audit.spelling import Malformed
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.audit.verify import Outcome, Verdict
from govflow.errors import RequestError


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who has to have cosigned. Two names of one public key are one witness.

    Attributes:
        keys: of witnesses.
        quorum: how many of them, at least one.
        now: aware; cosignatures from after it do not count.
        note: the checkpoint that an auditor kept, which is then the one that is asked about; None: any will do.
    """

    keys: tuple[VerifierKey, ...]
    quorum: int
    now: datetime
    note: str | None = None

    def __post_init__(self) -> None:
        """Refuse what nobody could fulfil."""
        known = len({key.public for key in self.keys})
        if any(key.kind is not Kind.COSIGNATURE for key in self.keys):
            raise RequestError("That is the key of a log, not of a witness.", mend="A witness prints its own.")
        if not 1 <= self.quorum <= known:
            raise RequestError(
                f"{self.quorum} of {known} witnesses cannot be asked for.",
                mend="Give the key of each: --witness KEY --witness KEY --witnesses 2",
            )


@dataclass(frozen=True, slots=True)
class Vouched:
    """The checkpoint of the most records that enough of them have cosigned; ``held`` is None where there is none.

    ``words`` say who has cosigned, or how many of whom are missing.
    """

    held: Held | None
    words: str


def vouched(asked: Witnesses, notes: Iterable[str], keys: Sequence[VerifierKey]) -> Vouched:
    """Look for such a checkpoint.

    Args:
        asked: who has to have cosigned.
        notes: checkpoints with the lines under them. Lines under another copy of the checkpoint that was kept count.
        keys: of the log, at least one.
    """
    opened: list[Opened] = []
    unfit = ""
    for note in notes if asked.note is None else [_merged(asked, asked.note, notes)]:
        try:
            opened.append(open_checkpoint(note, origin=keys[0].name, keys=keys, witnesses=asked.keys, now=asked.now))
        except (Malformed, NotTrusted) as error:
            unfit = f" One does not count: {error}."
    most: tuple[int, Opened] | None = None
    for one in sorted(opened, key=lambda one: one.checkpoint.size, reverse=True):
        there = {key.public for key in one.cosigned}
        size = one.checkpoint.size
        if len(there) >= asked.quorum:
            words = f"Cosigned up to record {size - 1} by {_names(asked, there)}."
            return Vouched(Held(size, one.checkpoint.root), words)
        if there and (most is None or len(there) > most[0]):
            most = len(there), one
    every = {key.public for key in asked.keys}
    asks = f"What is missing: {asked.quorum} of the witnesses {_names(asked, every)} have to have cosigned"
    if most is None:
        return Vouched(None, f"{asks}, and none of them has.{unfit}")
    count, one = most
    there = {key.public for key in one.cosigned}
    found = f"under the checkpoint of {one.checkpoint.size} records {count} of them has: {_names(asked, there)}"
    return Vouched(None, f"{asks}; {found}, and not {_names(asked, every - there)}.{unfit}")


def judged(verdict: Verdict, found: Vouched) -> Verdict:
    """The verdict, once witnesses were asked for: a whole log for which too few vouch cannot be judged."""
    if verdict.outcome is Outcome.TAMPERED:
        return verdict
    if found.held is None:
        words = f"{verdict.words} {found.words}"
        return replace(verdict, outcome=Outcome.CANNOT_JUDGE, words=words, hash=None, root=None)
    behind = verdict.records - found.held.size
    unseen = f" The {behind} behind that no witness has to have seen." if behind > 0 else ""
    return replace(verdict, words=f"{verdict.words} {found.words}{unseen}")


def _names(asked: Witnesses, public: set[bytes]) -> str:
    return ", ".join(dict.fromkeys(key.name for key in asked.keys if key.public in public))


def _merged(asked: Witnesses, kept: str, notes: Iterable[str]) -> Note | str:
    """The checkpoint that was kept, with good lines of these witnesses that stand under other copies of it."""
    try:
        whole = parse_note(kept)
        for other in map(parse_note, notes):
            good = [
                line
                for line in other.signatures
                for key in asked.keys
                if (line.name, line.key_id) == (key.name, key.key_id) and key.verifies(whole.text, line.data)
            ]
            whole = whole.with_signatures(*good)
    except Malformed:
        return kept
    return whole
