"""Showing a checkpoint to witnesses (C2SP tlog-witness), and keeping what they answer.

A witness that is down, slow or says no fails nothing: the checkpoint is there, and whoever looks next shows the newest
one again. What it says is told to whoever asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from govflow.audit.note import NotTrusted, Signature, parse_note
from govflow.audit.spelling import Malformed
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.audit.witness import CONFLICT, OK, PATH, AddCheckpoint, read_cosignatures, read_size
from govflow.errors import GovflowError, SettingsError
from govflow.services.describe.escape import plain
from govflow.services.fetch_document import FetchRefused, Posted, post_document
from govflow.services.workspace import Workspace
from govflow.store.seals import Sealed
from govflow.telemetry import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Witnessing:
    """What came of asking one witness: ``why`` is empty where it has cosigned."""

    witness: str  # the name of its key
    url: str
    why: str = ""


class _Refused(Exception):
    """The witness did not cosign."""


def ask_witnesses(workspace: Workspace, sealed: Sealed, now: datetime) -> list[Witnessing]:
    """Show a checkpoint to every witness of the settings, one after the other.

    Args:
        workspace: whose settings name witnesses, and whose log this is.
        sealed: the newest checkpoint.
        now: aware.

    Raises:
        SettingsError: what the settings give as a witness' key is none.
    """
    asked = []
    for url, key in witness_keys(workspace).items():
        why = ""
        # What it answers is a stranger's text, and will be shown at a terminal.
        try:
            _ask(workspace, sealed, url, key, now)
        except (_Refused, FetchRefused, Malformed, NotTrusted, GovflowError) as error:
            why = plain(getattr(error, "why", None) or getattr(error, "message", None) or str(error))
            _log.warning("witness.refused", witness=key.name, reason=why)
        asked.append(Witnessing(key.name, url, why))
    return asked


def lacking(workspace: Workspace, sealed: Sealed) -> bool:
    """Whether a witness of the settings has not cosigned this checkpoint or a later one.

    Raises:
        SettingsError: what the settings give as a witness' key is none.
    """
    keys = witness_keys(workspace).values()
    return any(workspace.store.seals.witnessed(sealed.tenant, str(key)) < sealed.size for key in keys)


def witness_keys(workspace: Workspace) -> dict[str, VerifierKey]:
    """The witnesses of the settings: address to key.

    Raises:
        SettingsError: one is no verifier key of a witness.
    """
    keys = {}
    for url, word in workspace.settings.witnesses.items():
        try:
            keys[url] = VerifierKey.parse(word)
        except Malformed as error:
            raise SettingsError(f"witnesses: {word!r} is no verifier key: {error}.", mend=_MEND) from None
        if keys[url].kind is not Kind.COSIGNATURE:
            raise SettingsError(f"witnesses: {word!r} is the key of a log, not of a witness.", mend=_MEND)
    return keys


_MEND = "A witness prints its key when it starts: govflow audit witness."


def _ask(workspace: Workspace, sealed: Sealed, url: str, key: VerifierKey, now: datetime) -> None:
    store, known = workspace.store, str(key)
    old = store.seals.witnessed(sealed.tenant, known)
    if old >= sealed.size:
        return  # it has cosigned this one, or one that somebody showed to it meanwhile
    answer = _sent(workspace, sealed, url, old)
    if answer.status == CONFLICT:  # it knows more than this database, or less
        size = _size_of(workspace, answer, sealed)
        if size > sealed.size:
            return
        answer = _sent(workspace, sealed, url, size)
        if answer.status == CONFLICT and _size_of(workspace, answer, sealed) > sealed.size:
            return
    if answer.status != OK:
        raise _Refused(f"it answers {answer.status}: {answer.body[:200].decode(errors='replace').strip()}")
    note = read_cosignatures(answer.body, parse_note(sealed.note), [key])
    store.seals.cosign(sealed, known, _line_of(key, note.signatures), now)


def _size_of(workspace: Workspace, answer: Posted, sealed: Sealed) -> int:
    """How much of the log a witness has seen: a beginning of what is shown to it, or a later checkpoint of this log."""
    size = read_size(answer.content_type, answer.body)
    if size is None:
        raise _Refused("it has seen another tree of this size: the log was forked")
    newest = workspace.store.seals.newest(sealed.tenant)  # another process may have sealed, and shown it, meanwhile
    known = sealed.size if newest is None else newest.size
    if size > known:
        raise _Refused(f"it has seen {size} records, and {known} are sealed here: the log was rolled back")
    return size


def _line_of(key: VerifierKey, signatures: Sequence[Signature]) -> str:
    return next(one.line() for one in reversed(signatures) if (one.name, one.key_id) == (key.name, key.key_id))


def _sent(workspace: Workspace, sealed: Sealed, url: str, old: int) -> Posted:
    """One request; ``old`` is the size that the witness is believed to have."""
    proof: Sequence[bytes] = ()
    if 0 < old < sealed.size:
        newest, proof = workspace.store.seals.consistency(sealed.tenant, old)
        if newest.size != sealed.size:
            raise _Refused("a newer checkpoint was made meanwhile: it is shown in place of this one")
    request = AddCheckpoint(old, tuple(proof), parse_note(sealed.note))
    return post_document(url.rstrip("/") + PATH, str(request).encode())
