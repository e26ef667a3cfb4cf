"""Checkpoints of the tenant's log: signed, shown, and what a stranger needs to check one and a record under it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from govflow.audit.checkpoint import checkpoint_of, open_checkpoint, origin_of, sign_checkpoint
from govflow.audit.leaf import leaf_bytes, leaf_digest
from govflow.audit.merkle import ProofError
from govflow.audit.note import BadSignature, NotTrusted, parse_note
from govflow.audit.record import Head
from govflow.audit.spelling import Malformed
from govflow.audit.tlog_proof import TlogProof, parse_tlog_proof
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.audit.verify import Held, Outcome
from govflow.errors import InputError, RequestError
from govflow.services.ask_witnesses import Witnessing, ask_witnesses
from govflow.services.signing_keys import signing_key, trusted_keys
from govflow.services.workspace import Workspace
from govflow.store.seals import Sealed


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a proof. Where it is verified: the record with its place, and the checkpoint that it is under."""

    outcome: Outcome
    words: str
    leaf: bytes = b""
    index: int = 0
    size: int = 0
    origin: str = ""


def seal(workspace: Workspace, now: datetime) -> Sealed | None:
    """Sign the tenant's log as it is; the newest checkpoint if nothing was written since, None of an empty log.

    Raises:
        KeyFileError: the signing key cannot be used: with ``signer=process`` only that user can.
        StoreError: the database cannot be used, or its records do not lead to the head of the log.
    """
    private = signing_key(workspace, now).signer()

    def sign(head: Head, log: str) -> str:
        return str(sign_checkpoint(checkpoint_of(head, log), private))

    return workspace.store.seals.seal(workspace.settings.tenant, f"govflow/{secrets.token_hex(8)}", sign, now)


def seal_and_show(workspace: Workspace, now: datetime) -> tuple[Sealed | None, list[Witnessing]]:
    """:func:`seal`, and show what was made to the witnesses of the settings; the checkpoint with what they signed.

    Raises:
        SettingsError: what the settings give as a witness' key is none.
        KeyFileError: as :func:`seal`.
        StoreError: likewise.
    """
    sealed = seal(workspace, now)
    if sealed is None or not workspace.settings.witnesses:
        return sealed, []
    asked = ask_witnesses(workspace, sealed, now)
    return workspace.store.seals.at(sealed.tenant, sealed.size), asked


def verifier_keys(workspace: Workspace) -> list[VerifierKey]:
    """Keys with which checkpoints of this tenant's log are checked, the retired ones too: what an auditor is handed.

    Raises:
        RequestError: there is no checkpoint yet, and so no name of the log.
    """
    name = workspace.store.seals.name()
    if name is None:
        raise RequestError("No checkpoint of this log was made yet.", mend="Make one: govflow audit checkpoint")
    origin = origin_of(name, workspace.settings.tenant)
    return [VerifierKey(origin, Kind.NOTE, key.raw) for key in trusted_keys(workspace).values()]


def prove(workspace: Workspace, seq: int) -> str:
    """A file that proves one record against the newest checkpoint (C2SP tlog-proof); the record's leaf is its extra.

    Raises:
        RequestError: there is no such record, or no checkpoint that covers it.
    """
    found = workspace.store.seals.prove(workspace.settings.tenant, seq)
    leaf = leaf_bytes(found.entry.seq, found.entry.prev, found.entry.body)
    return str(TlogProof(seq, found.hashes, parse_note(found.sealed.note), leaf))


def check_proof(text: str, keys: Sequence[VerifierKey]) -> Checked:
    """Check such a file with nothing but public keys.

    Verified; tampered: a signature of the log's key does not fit, or the record is not the one under the checkpoint;
    or it cannot be judged: it is no proof, or one of the keys that are missing has signed its checkpoint.
    """
    origin = next(iter(keys)).name
    try:
        proof = parse_tlog_proof(text)
        opened = proof.verify(leaf_digest(proof.extra), origin=origin, keys=keys)
    except (ProofError, BadSignature) as error:
        return Checked(Outcome.TAMPERED, f"The proof does not hold: {error}.")
    except (Malformed, NotTrusted) as error:
        return Checked(Outcome.CANNOT_JUDGE, f"Whether the proof holds is not known: {error}.")
    size = opened.checkpoint.size
    words = f"Record {proof.index} is under a checkpoint of {size} records of {origin}."
    return Checked(Outcome.VERIFIED, words, proof.extra, proof.index, size, origin)


def held_checkpoint(
    text: str,
    keys: Sequence[VerifierKey],
    witnesses: Sequence[VerifierKey] = (),
    quorum: int = 0,
    now: datetime | None = None,
) -> Held:
    """What a checkpoint that was kept elsewhere says, once its signature was checked.

    Args:
        text: the note.
        keys: of the log.
        witnesses: keys of witnesses.
        quorum: how many of them have to have cosigned it.
        now: aware; cosignatures from after it do not count. None: any time counts.

    Raises:
        InputError: it is no checkpoint of that log, signed by none of these keys, or by too few of these witnesses.
    """
    origin = next(iter(keys)).name
    try:
        opened = open_checkpoint(text, origin=origin, keys=keys, witnesses=witnesses, quorum=quorum, now=now)
    except (Malformed, NotTrusted) as error:
        raise InputError(f"The checkpoint does not count: {error}.", mend="Name one of this log.") from None
    except ValueError as error:
        raise InputError(f"The keys do not fit: {error}.", mend="--key is the log's, --witness a witness'.") from None
    return Held(opened.checkpoint.size, opened.checkpoint.root)
