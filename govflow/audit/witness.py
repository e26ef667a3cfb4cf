"""What a witness decides (C2SP tlog-witness, "add-checkpoint"). It catches a log that is rolled back or forked.

A witness keeps the last checkpoint of each log that it has cosigned, and cosigns only what grows from that. Its state
comes in and goes out as a value:

    request = parse_add_checkpoint(body)                           # Malformed: answer 400
    latest = ...                                                   # kept for request.checkpoint.origin, or NEVER
    answer = decide(request, keys, latest, cosigner, now)

**Keeping is the caller's duty.** Where ``answer.keep`` is not None it has to be stored, durably, *before* the answer is
sent, and only if what is stored is still ``latest``, in one atomic step; otherwise the request is decided again with
what is stored now. Two requests that are decided at once would else take the log back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from govflow.audit.checkpoint import Checkpoint
from govflow.audit.cosignature import Cosigner
from govflow.audit.merkle import EMPTY_ROOT, ProofError, verify_consistency
from govflow.audit.note import MOST_BYTES, Note, NotTrusted, open_note, parse_note, parse_signatures
from govflow.audit.spelling import HASH_SIZE, Malformed, from_decimal, from_hash, from_utf8, to_hash_lines
from govflow.audit.verifier_key import Kind, VerifierKey

PATH: Final = "/add-checkpoint"
MOST_HASHES: Final = 63  # "The client MUST NOT send more than 63 consistency proof lines."
SIZE_TYPE: Final = "text/x.tlog.size"
TEXT_TYPE: Final = "text/plain; charset=utf-8"

OK: Final = 200
BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
CONFLICT: Final = 409
UNPROCESSABLE: Final = 422


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The last checkpoint of a log that a witness has cosigned."""

    size: int
    root: bytes


NEVER: Final = Witnessed(0, EMPTY_ROOT)
"""What is kept for a log of which nothing was cosigned yet."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """The body of a request; no signature and no proof of it is verified.

    Raises:
        Malformed: the proof has too many hashes, or such that are none; what is signed is not a checkpoint.
    """

    old: int  # the size that the client believes the witness to have
    proof: tuple[bytes, ...]  # RFC 6962, 2.1.2: from that size to the checkpoint's
    note: Note

    def __post_init__(self) -> None:
        """Refuse what no client may send."""
        if len(self.proof) > MOST_HASHES or any(len(one) != HASH_SIZE for one in self.proof):
            raise Malformed(f"a proof of consistency has at most {MOST_HASHES} hashes of {HASH_SIZE} bytes")
        Checkpoint.parse(self.note.text)

    @property
    def checkpoint(self) -> Checkpoint:
        """What the log says, and nobody has verified."""
        return Checkpoint.parse(self.note.text)

    def __str__(self) -> str:
        """The body as it is sent."""
        return f"old {self.old}\n{to_hash_lines(self.proof)}\n{self.note}"


def parse_add_checkpoint(body: bytes | str) -> AddCheckpoint:
    """Read the body of a request.

    Raises:
        Malformed: it is none; the answer is 400.
    """
    head, blank, note = from_utf8(body, MOST_BYTES, "the request").partition("\n\n")
    old, *proof = head.split("\n")
    if not blank or not old.startswith("old "):
        raise Malformed("the request does not begin with 'old SIZE', or has no checkpoint")
    size = from_decimal(old.removeprefix("old "), "the old size")
    return AddCheckpoint(size, tuple(from_hash(line, "a hash of the proof") for line in proof), parse_note(note))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers. ``keep``: what has to be stored before; ``why``: for the witness' own log."""

    status: int
    body: str
    why: str
    content_type: str = TEXT_TYPE
    keep: Witnessed | None = None


def decide(
    request: AddCheckpoint, keys: Iterable[VerifierKey] | None, latest: Witnessed, cosigner: Cosigner, now: datetime
) -> Answer:
    """Whether to cosign, in the order of the specification.

    Args:
        request: as it was read.
        keys: that are trusted for the checkpoint's origin; None if the witness does not know that log.
        latest: what is kept for that origin, or :data:`NEVER`.
        cosigner: the witness' name and key.
        now: aware; the time of the cosignature.

    Returns:
        200 with a cosignature; 404 for an unknown log; 403 if it has not signed; 400 for an old size beyond the new
        one; 409 for another old size than the one that is kept, which the body tells, or another root of that size;
        422 for a proof that does not hold.
    """
    if keys is None:
        return _refused(NOT_FOUND, "the log is not one that this witness knows")
    try:
        open_note(request.note, keys)
    except NotTrusted as reason:
        return _refused(FORBIDDEN, str(reason))
    seen = request.checkpoint
    if request.old > seen.size:
        return _refused(BAD_REQUEST, "the old size is beyond that of the checkpoint")
    if request.old != latest.size:
        return Answer(CONFLICT, f"{latest.size}\n", f"the last size cosigned is {latest.size}", SIZE_TYPE)
    if request.old == seen.size:
        if request.proof:
            return _refused(UNPROCESSABLE, "two trees of one size need no proof")
        if seen.root != latest.root:
            return _refused(CONFLICT, "the log shows two roots for one size")
    elif not _grows(request, latest, seen):
        return _refused(UNPROCESSABLE, "the proof of consistency does not hold")
    keep = Witnessed(seen.size, seen.root)
    line = cosigner.cosign(seen, now).line()
    return Answer(OK, line, "cosigned", keep=None if keep == latest else keep)


def _grows(request: AddCheckpoint, latest: Witnessed, seen: Checkpoint) -> bool:
    if latest.size == 0:  # every tree grows from the empty one; the proof of that is empty
        return not request.proof
    try:
        verify_consistency(latest.size, seen.size, request.proof, latest.root, seen.root)
    except ProofError:
        return False
    return True


def _refused(status: int, why: str) -> Answer:
    return Answer(status, why + "\n", why)


def read_cosignatures(body: bytes | str, note: Note, witnesses: Iterable[VerifierKey]) -> Note:
    """The checkpoint with what a witness has answered to it. Cosignatures of other keys are left out.

    Args:
        body: of an answer 200.
        note: the checkpoint that was sent.
        witnesses: keys that are trusted, of kind ``COSIGNATURE``.

    Raises:
        Malformed: the answer is not one of signature lines.
        NotTrusted: none of them is a trusted witness', or one is wrong.
        ValueError: a key is not a witness'.
    """
    keys = tuple(witnesses)
    if any(key.kind is not Kind.COSIGNATURE for key in keys):
        raise ValueError("a witness signs with a key for cosignatures")
    lines = parse_signatures(from_utf8(body, MOST_BYTES, "the answer"))
    return note.with_signatures(*open_note(Note(note.text, lines), keys).values())


def read_size(content_type: str, body: bytes | str) -> int | None:
    """The size that a witness has, from its answer 409. None: it has our size and another root, so the log was forked.

    Raises:
        Malformed: it says that it tells a size, and does not.
    """
    if content_type.partition(";")[0].strip().lower() != SIZE_TYPE:
        return None
    text = from_utf8(body, MOST_BYTES, "the answer")
    if not text.endswith("\n"):
        raise Malformed("the size has no end of line")
    return from_decimal(text[:-1], "the size")
