"""Checkpoints (C2SP tlog-checkpoint): what a log says of itself, signed, so that it cannot say another thing later.

    ORIGIN
    SIZE
    BASE64(root hash)

    — ORIGIN BASE64(key id || signature)

A checkpoint that is kept elsewhere binds the log: nothing before it can be changed or cut off unseen. Extension lines
are read and kept, since they are signed, and never written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govflow.audit.merkle import EMPTY_ROOT
from govflow.audit.note import Note, NotTrusted, UnknownSigners, open_note, parse_note, sign_text
from govflow.audit.record import Head
from govflow.audit.spelling import BEYOND, HASH_SIZE, Malformed, from_decimal, from_hash, to_base64
from govflow.audit.verifier_key import Kind, VerifierKey, check_name, cosigned_at

AHEAD: Final = timedelta(minutes=5)
"""How far a witness' clock may be ahead of ours; a cosignature from later than that does not count."""


class WrongOrigin(NotTrusted):
    """It is a checkpoint of another log."""


class TooFewWitnesses(NotTrusted):
    """Fewer witnesses have cosigned it than have to."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: which log, how many leaves, and the root of their tree.

    Raises:
        Malformed: no checkpoint can say that.
    """

    origin: str
    size: int
    root: bytes  # 32 bytes, RFC 6962 2.1
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not be written, or would be read as something else."""
        for line in (self.origin, *self.extensions):
            if not line or any(char < " " for char in line):
                raise Malformed("a line of a checkpoint is empty or has control characters")
        if not 0 <= self.size < BEYOND or len(self.root) != HASH_SIZE:
            raise Malformed("a checkpoint has a size from 0 to 2^63 - 1 and a root of 32 bytes")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise Malformed("a log without leaves has another root")

    @property
    def text(self) -> str:
        """The text of the note (tlog-checkpoint, "Note text")."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, to_base64(self.root), *self.extensions))

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note.

        Raises:
            Malformed: it is not that of a checkpoint.
        """
        lines = text.split("\n")
        if lines.pop() or len(lines) < 3:
            raise Malformed("a checkpoint has an origin, a size and a root, each in a line")
        origin, size, root, *extensions = lines
        return cls(origin, from_decimal(size, "the size"), from_hash(root, "the root"), tuple(extensions))


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint that can be believed. ``cosigned``: each witness' key to when it signed, seconds since 1970."""

    checkpoint: Checkpoint
    note: Note
    signed_by: tuple[VerifierKey, ...]
    cosigned: dict[VerifierKey, int]


def origin_of(log: str, tenant: str) -> str:
    """The origin of a tenant's log: ``LOG/TENANT``, with what no name of a key may have written as ``%XX``.

    Args:
        log: what all logs of one database are known by: a URL without its scheme, which need not lead anywhere.
        tenant: any name; two tenants never have one origin.

    Raises:
        Malformed: ``log`` cannot name a key.
    """
    check_name(log)
    return f"{log}/{quote(tenant, safe='')}"


def checkpoint_of(head: Head, log: str) -> Checkpoint:
    """What the head of a tenant's log says, as a checkpoint. ``log``: see :func:`origin_of`."""
    return Checkpoint(origin_of(log, head.tenant), head.size, bytes.fromhex(head.root.removeprefix("sha256:")))


def sign_checkpoint(checkpoint: Checkpoint, private: Ed25519PrivateKey) -> Note:
    """The signed note. The key has the name of the origin, as tlog-checkpoint asks.

    A log must never sign two checkpoints that contradict each other ("Signatures"). Whether it does is not known here:
    the caller signs heads as its database gives them, in order.
    """
    return Note(checkpoint.text, (sign_text(checkpoint.text, checkpoint.origin, private),))


def open_checkpoint(
    data: bytes | str | Note,
    *,
    origin: str,
    keys: Iterable[VerifierKey],
    witnesses: Iterable[VerifierKey] = (),
    quorum: int = 0,
    now: datetime | None = None,
) -> Opened:
    """Check a checkpoint. What it says is nobody's word before this returns.

    Args:
        data: the note.
        origin: of the log that is asked about: one key may sign the logs of many tenants.
        keys: of the log; one of them has to have signed.
        witnesses: keys of kind ``COSIGNATURE``; others' cosignatures are ignored.
        quorum: how many of them have to have cosigned. Two names of one public key are one witness.
        now: aware; cosignatures from more than :data:`AHEAD` after it do not count. None: any time counts.

    Raises:
        Malformed: it is no checkpoint.
        UnknownSigners: the log has not signed it.
        BadSignature: the signature of the log or of a witness is wrong.
        WrongOrigin: it is of another log.
        TooFewWitnesses: fewer than ``quorum`` have cosigned.
        ValueError: ``quorum`` is negative; a key of the log is of the kind of a witness' key, or the other way round.
    """
    if quorum < 0:
        raise ValueError("fewer than no witness cannot be asked for")
    note = data if isinstance(data, Note) else parse_note(data)
    of_log, of_witnesses = tuple(keys), tuple(witnesses)
    if any(key.kind is not Kind.NOTE for key in of_log):
        raise ValueError("a log signs with a key for notes")
    if any(key.kind is not Kind.COSIGNATURE for key in of_witnesses):
        raise ValueError("a witness signs with a key for cosignatures")
    good = open_note(note, of_log + of_witnesses)
    signed_by = tuple(key for key in good if key.kind is Kind.NOTE)
    if not signed_by:  # a witness alone vouches for what it saw, not for who wrote it
        raise UnknownSigners("no trusted key of the log has signed it")
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != origin:
        raise WrongOrigin(f"it is of the log {checkpoint.origin!r}, not of {origin!r}")
    latest = None if now is None else (now + AHEAD).timestamp()
    cosigned = {}
    for key, line in good.items():
        at = cosigned_at(line.data) if key.kind is Kind.COSIGNATURE else None
        if at is not None and (latest is None or at <= latest):
            cosigned[key] = at
    present = len({key.public for key in cosigned})
    if present < quorum:
        raise TooFewWitnesses(f"{present} of the {quorum} witnesses that are asked for have cosigned it")
    return Opened(checkpoint, note, signed_by, cosigned)
