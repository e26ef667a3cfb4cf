"""The audit record: a body that its writer makes, an envelope that the log gives.

The *body* has no global sequence in it; it is made, written and acknowledged first. The *envelope* holds the sequence
number and the hash of the record before. Both together, as canonical JSON (RFC 8785)

    {"body":<body>,"prev":"sha256:<hex>","seq":<n>}

are the bytes of a leaf: ``leaf_hash = SHA-256(0x00 || bytes)`` (RFC 9162, 2.1.1), and ``prev`` is the leaf hash of the
record before, so the same bytes are a leaf of a Merkle tree and a link of a hash chain. ``seq`` counts from 0 in each
tenant's log; ``prev`` of record 0 is 32 zero bytes. Hashes are taken over the stored bytes, never over a parsed model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

FORMAT: Final = 1
GENESIS: Final = "sha256:" + "0" * 64


class Severity(StrEnum):
    """How loud a record is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a caller knows of a record; the writer adds its own name, its own sequence number and commitments.

    ``payload`` holds JSON values that every holder of the log may read. ``values`` are those that may hold personal
    data: the body gets a salted commitment for each, the value goes to a side table from which it can be erased.
    """

    event: str  # a name of :data:`govflow.audit.vocabulary.EVENTS`
    tenant: str
    at: datetime  # aware, UTC
    subject: str = "anonymous"
    run_id: str | None = None
    flow: str | None = None
    step_id: str | None = None
    attempt: int | None = None
    correlation: str | None = None
    severity: Severity = Severity.INFO
    payload: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


class Ack(NamedTuple):
    """The promise that a record is not lost: by kill -9 always; by a power cut only if ``durable``."""

    writer: str
    writer_seq: int
    durable: bool
    seq: int | None = None  # place in the tenant's log, once sequenced


class Log(Protocol):
    """The whole interface of the audit log for those who write to it."""

    def append(self, draft: Draft, *, durable: bool) -> Ack:
        """Accept a record. Returns only when the promise of the acknowledgement holds; raises ``StoreError``."""


class Copies(NamedTuple):
    """The columns that repeat what a body says. ``at``: microseconds since 1970."""

    writer: str
    writer_seq: int
    event: str
    subject: str
    run_id: str | None
    at: int
    rule: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A sequenced record as it is stored. ``body`` are its canonical bytes; ``hash`` is its leaf hash as stored.

    ``copies`` are the columns beside it, where they were read too.
    """

    seq: int
    prev: str
    body: bytes
    hash: str
    copies: Copies | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """What a tenant's log says of itself: how many records, the last leaf hash, the Merkle root (RFC 9162, 2.1.1)."""

    tenant: str
    size: int
    hash: str
    root: str
