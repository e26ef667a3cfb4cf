"""Logs to measure with: a SQLite database of many records, made as the store makes it, and its export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.audit_records import TENANT, draft
from govflow.audit.body import commit, make_body
from govflow.audit.checkpoint import Checkpoint, sign_checkpoint
from govflow.audit.copies import rule_in
from govflow.audit.export import Header, checkpoint_line, record_line
from govflow.audit.record import GENESIS
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.store import Store, log
from govflow.store.placing import Pending
from govflow.store.sqlite import SqliteDatabase
from govflow.store.times import micros

_BATCH: Final = 5_000
_WRITERS: Final = 8


def database(path: Path, records: int) -> None:
    """A log of so many records by eight writers, in a file that is not there yet."""
    db = SqliteDatabase(path)
    try:
        for start in range(0, records, _BATCH):
            with db.transaction(durable=False):
                log.sequence(db, (), _pending(start, min(start + _BATCH, records)))
    finally:
        db.close()


def _pending(start: int, end: int) -> Iterator[Pending]:
    salt, value = bytes(16), "warehouse"
    commitments, values = {"parameters.where": commit(value, salt)}, (("parameters.where", salt, f'"{value}"'),)
    for seq in range(start, end):
        writer, number = f"writer-{seq % _WRITERS}", seq // _WRITERS
        made = draft(seq)
        given = made.event == "step.intent"  # what steps are given are the values of a log, mostly
        body = make_body(made, writer=writer, writer_seq=number, commitments=commitments if given else {})
        about = made.event, made.subject, made.run_id, micros(made.at), rule_in(made.payload)
        yield Pending(TENANT, writer, number, *about, body, values if given else ())


def export(log_of: Path, to: Path, key: Ed25519PrivateKey, origin: str) -> VerifierKey:
    """The export of such a log, in one file; the key with which it verifies."""
    with Store.open(f"sqlite:///{log_of}", direct=True) as store, to.open("wb") as out:
        out.write(Header(TENANT, 0, GENESIS).line())
        out.writelines(map(record_line, store.entries(TENANT)))
        head = store.head(TENANT)
        root = bytes.fromhex(head.root.removeprefix("sha256:"))
        out.write(checkpoint_line(str(sign_checkpoint(Checkpoint(origin, head.size, root), key))))
    return VerifierKey(origin, Kind.NOTE, key.public_key().public_bytes_raw())
