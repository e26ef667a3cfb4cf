"""The audit log: its records, its head, its checkpoints and tiles, and the values that may be erased."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Index, LargeBinary, Text, UniqueConstraint, text
from sqlmodel import Field

from govflow.store.tables.table import GovflowTable, core

_WITH_RULE: Final = text("rule IS NOT NULL")


class AuditRecord(GovflowTable, table=True):
    """One sequenced record. Triggers refuse UPDATE, DELETE and a second record in one place."""

    __tablename__ = "audit_record"
    __table_args__ = (
        UniqueConstraint("writer", "writer_seq", name="uq_audit_record_writer"),
        Index("ix_audit_record_run", "run_id", "tenant", "seq", sqlite_where=text("run_id IS NOT NULL")),
        Index("ix_audit_record_event", "event", "tenant", "seq"),
        Index("ix_audit_record_rule", "rule", "tenant", "seq", sqlite_where=_WITH_RULE, postgresql_where=_WITH_RULE),
        Index("ix_audit_record_subject", "subject", "tenant", "seq"),
        Index("ix_audit_record_at", "tenant", "at", "seq"),
        # Clustered by place: a log is read in order. And no rowid by which a row could be replaced past the triggers.
        {"sqlite_with_rowid": False},
    )

    tenant: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    prev: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)
    body: bytes = Field(sa_type=LargeBinary)  # what is hashed; the columns below are copies for searching
    writer: str
    writer_seq: int = Field(sa_type=BigInteger)
    event: str
    subject: str
    run_id: str | None = None
    at: int = Field(sa_type=BigInteger)
    rule: str | None = None


class AuditHead(GovflowTable, table=True):
    """The end of a tenant's log: what the next record needs."""

    __tablename__ = "audit_head"

    tenant: str = Field(primary_key=True)
    size: int = Field(sa_type=BigInteger)
    hash: bytes = Field(sa_type=LargeBinary)
    peaks: bytes = Field(sa_type=LargeBinary)  # compact range, 32 bytes each, largest subtree first


class AuditValue(GovflowTable, table=True):
    """A value that a record only commits to. Erasing the row leaves the log as it is."""

    __tablename__ = "audit_value"

    writer: str = Field(primary_key=True)
    writer_seq: int = Field(primary_key=True, sa_type=BigInteger)
    name: str = Field(primary_key=True)
    salt: bytes = Field(sa_type=LargeBinary)
    value: str = Field(sa_type=Text)


class AuditOrigin(GovflowTable, table=True):
    """The one row that says what the logs of this database are known by."""

    __tablename__ = "audit_origin"

    number: int = Field(primary_key=True)  # always 1
    name: str


class AuditCheckpoint(GovflowTable, table=True):
    """A signed head. Triggers refuse UPDATE and DELETE, so of one size there is one."""

    __tablename__ = "audit_checkpoint"

    tenant: str = Field(primary_key=True)
    size: int = Field(primary_key=True, sa_type=BigInteger)
    note: str = Field(sa_type=Text)  # C2SP signed note, word for word
    at: int = Field(sa_type=BigInteger)


class AuditCosignature(GovflowTable, table=True):
    """A witness' line under a checkpoint. Triggers refuse UPDATE and DELETE."""

    __tablename__ = "audit_cosignature"

    tenant: str = Field(primary_key=True)
    size: int = Field(primary_key=True, sa_type=BigInteger)
    witness: str = Field(primary_key=True)  # its verifier key, word for word
    line: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)


class AuditTile(GovflowTable, table=True):
    """256 hashes of a log's tree and those over them, made from the records. The last of each level grows."""

    __tablename__ = "audit_tile"
    __table_args__ = ({"sqlite_with_rowid": False},)

    tenant: str = Field(primary_key=True)
    level: int = Field(primary_key=True)
    place: int = Field(primary_key=True, sa_type=BigInteger)
    width: int
    hashes: bytes = Field(sa_type=LargeBinary)


class AuditPruned(GovflowTable, table=True):
    """Where a log begins since its oldest records were pruned, and what of them is needed to go on checking it.

    Triggers refuse UPDATE and DELETE; the newest row counts, and the log itself says the same (``log.pruned``).
    """

    __tablename__ = "audit_pruned"

    tenant: str = Field(primary_key=True)
    until: int = Field(primary_key=True, sa_type=BigInteger)  # the first place that was kept
    last: bytes = Field(sa_type=LargeBinary)  # hash of the record before it
    before: bytes = Field(sa_type=LargeBinary)  # what that one has as ``prev``
    peaks: bytes = Field(sa_type=LargeBinary)  # of the tree of all that went, largest subtree first


class AuditPrunedWriter(GovflowTable, table=True):
    """The number that comes next of a writer some of whose records were pruned."""

    __tablename__ = "audit_pruned_writer"

    writer: str = Field(primary_key=True)
    tenant: str
    next: int = Field(sa_type=BigInteger)


AUDIT_RECORD: Final = core(AuditRecord)
AUDIT_HEAD: Final = core(AuditHead)
AUDIT_VALUE: Final = core(AuditValue)
AUDIT_ORIGIN: Final = core(AuditOrigin)
AUDIT_CHECKPOINT: Final = core(AuditCheckpoint)
AUDIT_COSIGNATURE: Final = core(AuditCosignature)
AUDIT_TILE: Final = core(AuditTile)
AUDIT_PRUNED: Final = core(AuditPruned)
AUDIT_PRUNED_WRITER: Final = core(AuditPrunedWriter)
