"""Proofs that travel as a file (C2SP tlog-proof): one record is in a log, for somebody who has only a key.

    c2sp.org/tlog-proof@v1
    extra BASE64            what the application adds; nobody vouches for it
    index INDEX
    BASE64(hash)            one for each step from the leaf to the root

    CHECKPOINT              word for word, with its signatures

The record is not in it: whoever checks has the record, and makes the hash of its leaf.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from govflow.audit.checkpoint import Opened, open_checkpoint
from govflow.audit.merkle import verify_inclusion
from govflow.audit.note import Note, parse_note
from govflow.audit.spelling import (
    BEYOND,
    HASH_SIZE,
    Malformed,
    from_base64,
    from_decimal,
    from_hash,
    from_utf8,
    to_base64,
    to_hash_lines,
)
from govflow.audit.verifier_key import VerifierKey

SUFFIX: Final = ".tlog-proof"
HEADER: Final = "c2sp.org/tlog-proof@v1"
MOST_HASHES: Final = 63  # a tree of fewer than 2^63 leaves is no higher
MOST_BYTES: Final = 1 << 22  # 1 MiB of note, and what an application may add


@dataclass(frozen=True, slots=True)
class TlogProof:
    """What such a file holds; nothing of it is verified.

    Raises:
        Malformed: no such file could hold that.
    """

    index: int  # of the record, from 0
    hashes: tuple[bytes, ...]  # RFC 6962, 2.1.1: from the leaf's sibling to the root's child
    checkpoint: Note
    extra: bytes = b""  # not authenticated, whatever it is

    def __post_init__(self) -> None:
        """Refuse what could not be written."""
        if not 0 <= self.index < BEYOND or len(self.hashes) > MOST_HASHES:
            raise Malformed(f"a proof has an index below 2^63 and at most {MOST_HASHES} hashes")
        if any(len(one) != HASH_SIZE for one in self.hashes):
            raise Malformed(f"the hashes of a proof have {HASH_SIZE} bytes")

    def __str__(self) -> str:
        """The text of the file."""
        extra = f"extra {to_base64(self.extra)}\n" if self.extra else ""
        return f"{HEADER}\n{extra}index {self.index}\n{to_hash_lines(self.hashes)}\n{self.checkpoint}"

    def verify(
        self,
        leaf: bytes,
        *,
        origin: str,
        keys: Iterable[VerifierKey],
        witnesses: Iterable[VerifierKey] = (),
        quorum: int = 0,
        now: datetime | None = None,
    ) -> Opened:
        """Check that a record is in the log, and who says so.

        Args:
            leaf: hash of the record's leaf, computed by whoever asks from the record itself: 32 bytes.
            origin: of the log, and all that follows: see :func:`govflow.audit.checkpoint.open_checkpoint`.
            keys: of the log.
            witnesses: whose cosignatures count.
            quorum: how many of them have to have cosigned.
            now: aware.

        Raises:
            Malformed: the checkpoint is none.
            NotTrusted: it cannot be believed; its subclasses say why.
            ProofError: the record is not there.
        """
        opened = open_checkpoint(self.checkpoint, origin=origin, keys=keys, witnesses=witnesses, quorum=quorum, now=now)
        head = opened.checkpoint
        verify_inclusion(leaf, self.index, head.size, self.hashes, head.root)
        return opened


def parse_tlog_proof(data: bytes | str) -> TlogProof:
    """Read such a file without trusting it (tlog-proof, "Format").

    Raises:
        Malformed: it is none.
    """
    head, blank, note = from_utf8(data, MOST_BYTES, "the proof").partition("\n\n")
    lines = head.split("\n")
    if not blank or lines.pop(0) != HEADER:
        raise Malformed(f"the proof does not begin with {HEADER!r}, or has no checkpoint")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = from_base64(lines.pop(0).removeprefix("extra "), "what the proof adds")
        if not extra:
            raise Malformed("a proof that adds nothing has no line for it")
    if not lines or not lines[0].startswith("index "):
        raise Malformed("the proof does not say which record it is about")
    index = from_decimal(lines.pop(0).removeprefix("index "), "the index")
    hashes = tuple(from_hash(line, "a hash of the proof") for line in lines)
    return TlogProof(index, hashes, parse_note(note), extra)
