"""API keys of machine accounts: made, shown once, revoked."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from govflow.errors import PrincipalError
from govflow.identity import PrincipalKind, SecretKind, make_secret
from govflow.identity.life_times import API_KEY, LONGEST_API_KEY, end_of
from govflow.services.manage_people import get_principal
from govflow.services.workspace import Workspace
from govflow.store.api_keys import ApiKey

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}")


def make_key(
    workspace: Workspace,
    principal: str,
    name: str,
    by: str,
    now: datetime,
    random: bytes,
    life: timedelta | None = None,
) -> tuple[ApiKey, str]:
    """A new key for a machine, beside those that it has.

    Args:
        workspace: whose store and tenant.
        principal: the machine account.
        name: what the key is for.
        by: who makes it.
        now: when.
        random: 32 bytes from the system's secure source.
        life: of the key; without it 90 days, 366 at most.

    Returns:
        What is known of the key, and its secret, which can be had only here.

    Raises:
        PrincipalError: there is no such principal, it is a person, or name or life cannot be used.
        PrincipalInactive: it was deactivated.
    """
    if not _NAME.fullmatch(name):
        raise PrincipalError(f"{name!r} does not say what a key is for.", mend="Write a few plain words, 64 letters.")
    try:
        expires_at = end_of(now, life, API_KEY, LONGEST_API_KEY)
    except ValueError as wrong:
        raise PrincipalError(f"A key cannot live as long as that: {wrong}.") from None
    if get_principal(workspace, principal).kind is PrincipalKind.PERSON:
        raise PrincipalError(
            f"{principal} is a person: a key would be a second way in that nobody sees.",
            mend="Make a machine account: govflow people add NAME --machine",
        )
    secret, digest = make_secret(SecretKind.API_KEY, random)
    key = ApiKey(
        key_id=digest.removeprefix("sha256:")[:12],
        digest=digest,
        tenant=workspace.settings.tenant,
        principal=principal,
        name=name,
        created_at=now,
        created_by=by,
        expires_at=expires_at,
    )
    workspace.store.api_keys.add(key)
    return key, secret


def revoke_key(workspace: Workspace, key_id: str, by: str, now: datetime) -> bool:
    """End a key at once; False if it was ended before.

    Raises:
        PrincipalError: there is no key of that id.
    """
    return workspace.store.api_keys.revoke(workspace.settings.tenant, key_id, by, now)
