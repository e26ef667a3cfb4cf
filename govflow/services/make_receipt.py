"""The receipt of a run: one signed file, made from the log alone, that its verifier checks with the public key only."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any, Final

from govflow.audit import receipt_verifier as receipt
from govflow.audit.body import parse_body
from govflow.audit.checkpoint import origin_of
from govflow.audit.dsse import sign_envelope
from govflow.audit.leaf import leaf_bytes
from govflow.audit.record import Draft, Entry
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.errors import NoReceipt, RequestError
from govflow.permits.keys import SigningKey
from govflow.services.seal_log import seal
from govflow.services.signing_keys import key_at_hand, signing_key
from govflow.services.workspace import Workspace

_MOST: Final = 20_000  # records of one run: each brings a proof, and the whole is read at once


def make_receipt(workspace: Workspace, run_id: str, now: datetime) -> str:
    """Put together what the log holds of a run, each record with its proof; seal the log first where that is missing.

    Who asked for it is a record, ``receipt.issued``, before there is a receipt to hand out.

    Args:
        workspace: whose log, and whose signing key.
        run_id: the engine's id of the flow run.
        now: aware.

    Returns:
        The text of the file: an in-toto statement in a DSSE envelope (docs/receipts.md).

    Raises:
        RequestError: the log has no record of the run.
        NoReceipt: it has more than a receipt holds.
        KeyFileError: the signing key cannot be used: with ``signer=process`` only that user can.
        StoreError: the database cannot be used, or its records do not lead to the head of the log.
    """
    entries = _entries(workspace, run_id)
    if entries and not is_sealed(workspace, entries[-1].seq):
        sealed = seal(workspace, now)
        size = 0 if sealed is None else sealed.size
        entries = [entry for entry in _entries(workspace, run_id) if entry.seq < size]
    return _issued(workspace, run_id, entries, signing_key(workspace, now), workspace.requester().name, now)


def sealed_receipt(workspace: Workspace, run_id: str, subject: str, now: datetime) -> str:
    """The receipt of a run whose every record is under a checkpoint; makes no checkpoint and no key.

    That ``subject`` asked for it is a record, as in :func:`make_receipt`; where there is none, nothing is written.

    Raises:
        RequestError: the log has no record of the run.
        NoReceipt: no checkpoint covers all of its records yet, it has more than a receipt holds, or the key that
            signs is not here.
        KeyFileError: the signing key cannot be used.
        StoreError: the database cannot be used.
    """
    entries = _entries(workspace, run_id)
    if not entries:
        raise _unknown(run_id)
    if not is_sealed(workspace, entries[-1].seq):
        raise NoReceipt(
            f"No checkpoint covers all records of the run {run_id!r} yet.",
            mend="Ask again in a minute, or make one: govflow audit checkpoint",
        )
    key = key_at_hand(workspace)
    if key is None:
        raise NoReceipt(
            "The key that signs receipts is not here.",
            mend=f"Whoever runs the signer makes it there: govflow receipt make {run_id}",
        )
    return _issued(workspace, run_id, entries, key, subject, now)


def is_sealed(workspace: Workspace, seq: int) -> bool:
    """Whether a checkpoint covers the record at this place."""
    newest = workspace.store.seals.newest(workspace.settings.tenant)
    return newest is not None and seq < newest.size


def _entries(workspace: Workspace, run_id: str) -> list[Entry]:
    entries = workspace.store.tail(workspace.settings.tenant, _MOST + 1, run_id=run_id)
    if len(entries) > _MOST:
        raise NoReceipt(
            f"The run {run_id!r} has more than {_MOST} records, more than a receipt holds.",
            mend="Hand out a copy of the log with a checkpoint: docs/audit.md.",
        )
    return entries


def _unknown(run_id: str) -> RequestError:
    return RequestError(
        f"There is no governed run {run_id!r}.",
        mend="The list of runs shows those there are; one that was not governed left no record.",
        details={"run_id": run_id},
    )


def _issued(
    workspace: Workspace, run_id: str, entries: list[Entry], signs: SigningKey, subject: str, now: datetime
) -> str:
    text = _put_together(workspace, run_id, entries, signs)
    # Not a record of the run: it would then not be under the checkpoint of its own receipt.
    payload = {"run": run_id, "records": len(entries)}
    draft = Draft("receipt.issued", workspace.settings.tenant, now, subject=subject, payload=payload)
    workspace.store.append(draft, durable=True)
    return text


def _put_together(workspace: Workspace, run_id: str, entries: list[Entry], signs: SigningKey) -> str:
    if not entries:
        raise _unknown(run_id)
    tenant, store = workspace.settings.tenant, workspace.store
    included = store.seals.prove_all(tenant, [entry.seq for entry in entries])
    records = [
        {
            "leaf": leaf_bytes(one.entry.seq, one.entry.prev, one.entry.body).decode(),
            "proof": [base64.b64encode(step).decode() for step in one.hashes],
            "seq": one.entry.seq,
        }
        for one in included
    ]
    facts = receipt.facts_of([(one.entry.seq, parse_body(one.entry.body)) for one in included])
    statement: dict[str, Any] = {
        "_type": receipt.STATEMENT,
        "subject": receipt.subject_of(facts),
        "predicateType": receipt.PREDICATE,
        "predicate": {"facts": facts, "records": records, "checkpoint": included[0].sealed.note},
    }
    private = signs.signer()
    key = VerifierKey(origin_of(store.seals.name() or "", tenant), Kind.NOTE, private.public_key().public_bytes_raw())
    payload = json.dumps(statement, separators=(",", ":"), sort_keys=True).encode()
    return sign_envelope(receipt.PAYLOAD_TYPE, payload, f"{key.name}+{key.key_id.hex()}", private)
