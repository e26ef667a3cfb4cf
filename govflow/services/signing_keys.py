"""Which key signs permits, and which keys they are checked with."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from govflow.audit.record import Draft
from govflow.errors import KeyFileError, PermitInvalid
from govflow.permits.keys import Keys, PublicKey, SigningKey, decoded, encoded, to_set
from govflow.services.key_files import (
    key_folder,
    next_key_file,
    read_public_keys,
    read_signing_key,
    signing_key_file,
    write_new_key,
)
from govflow.services.workspace import Workspace
from govflow.store.keys import KnownKey
from govflow.store.store import Store


def signing_key(workspace: Workspace, now: datetime) -> SigningKey:
    """The key that signs; made, and made known to the database, at first use.

    Raises:
        KeyFileError: the file cannot be used, or others can read it.
        StoreError: the database cannot be used.
    """
    file = signing_key_file(workspace.settings)
    key = _current(file, workspace.store)
    known = workspace.store.keys.get(key.kid)
    if known is None:
        workspace.store.keys.add(key.kid, encoded(key.public.raw), now, _record(workspace, "key.created", key.kid, now))
    elif known.retired_at is not None:
        raise KeyFileError(
            f"The key in {file} was retired at {known.retired_at:%Y-%m-%d %H:%M:%S} UTC.",
            mend="Put the new key there, or make one: govflow keys rotate",
        )
    return key


def key_at_hand(workspace: Workspace) -> SigningKey | None:
    """The key that signs, where it is here and counts; None where it is not. Makes none, and writes nothing.

    Raises:
        KeyFileError: the file cannot be used, or others can read it.
        StoreError: the database cannot be used.
    """
    try:
        key = read_signing_key(signing_key_file(workspace.settings))
    except FileNotFoundError:
        return None
    known = workspace.store.keys.get(key.kid)
    return key if known is not None and known.retired_at is None else None


def trusted_keys(workspace: Workspace) -> Keys:
    """The public keys that permits are checked with: those of the setting ``permit_keys``, else the database's.

    Raises:
        KeyFileError: the file of the setting cannot be used.
        PermitInvalid: what the database holds is no key.
        StoreError: the database cannot be used.
    """
    if workspace.settings.permit_keys is not None:
        return read_public_keys(workspace.settings.permit_keys)
    return {key.kid: public_key(key) for key in workspace.store.keys.all()}


def public_key(known: KnownKey) -> PublicKey:
    """A key of the database as one that checks permits. ``PermitInvalid`` if its name is not its own."""
    try:
        key = PublicKey(decoded(known.x), known.ends_at)
    except ValueError:
        key = None
    if key is None or key.kid != known.kid:
        raise PermitInvalid(
            f"The database holds a key under the name {known.kid!r} that is not its own.",
            mend="Restore the table signing_key; the setting permit_keys takes the keys from a file instead.",
            details={"cause": "key"},
        )
    return key


def export_keys(workspace: Workspace, now: datetime) -> str:
    """The public keys that count at ``now``, as the JWK set that workers are given."""
    keys = [public_key(key) for key in workspace.store.keys.all()]
    return to_set(key for key in keys if key.trusted_at(now))


def rotate(workspace: Workspace, now: datetime, who: str) -> tuple[str | None, str]:
    """Let a new key sign from now on; the names of the old one, if there was one, and of the new one.

    The new private key is on disk before the database knows it, and takes the old one's place after: a process that is
    killed between leaves a state that the next one completes. Permits of the old key stay valid until they are over.

    Args:
        workspace: where.
        now: aware.
        who: principal name, for the log.

    Raises:
        KeyFileError: the key folder cannot be used.
    """
    file = signing_key_file(workspace.settings)
    with key_folder(file):
        try:
            old = _settled(file, workspace.store).kid
        except FileNotFoundError:
            old = None
        waiting = next_key_file(file)
        new = write_new_key(waiting)
        created = _record(workspace, "key.created", new.kid, now, who)
        retired = None if old is None else _record(workspace, "key.retired", old, now, who)
        workspace.store.keys.replace(old, new.kid, encoded(new.public.raw), now, created, retired)
        os.replace(waiting, file)
    return old, new.kid


def _current(file: Path, store: Store) -> SigningKey:
    """The key of ``file``; a rotation that was cut short is completed, and a first key made."""
    if not next_key_file(file).exists():
        with suppress(FileNotFoundError):
            return read_signing_key(file)
    with key_folder(file):
        try:
            return _settled(file, store)
        except FileNotFoundError:
            return write_new_key(file)


def _settled(file: Path, store: Store) -> SigningKey:
    """Inside :func:`key_folder`: a next key that the database knows takes its place, another one is nobody's."""
    waiting = next_key_file(file)
    if waiting.exists():
        try:
            known = store.keys.get(read_signing_key(waiting).kid) is not None
        except KeyFileError:
            known = False  # half written
        if known:
            os.replace(waiting, file)
        else:
            waiting.unlink()
    return read_signing_key(file)


def _record(workspace: Workspace, event: str, kid: str, now: datetime, who: str | None = None) -> Draft:
    subject = who or workspace.requester().name
    return Draft(event, workspace.settings.tenant, now, subject=subject, payload={"kid": kid})
