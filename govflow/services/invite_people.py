"""Inviting a person to the console: a link that signs in once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from govflow.errors import PrincipalError
from govflow.identity import PrincipalKind, SecretKind, make_secret
from govflow.identity.life_times import LINK, LONGEST_LINK, end_of
from govflow.services.manage_people import get_principal
from govflow.services.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link to give to one person. It is a secret until it is used."""

    principal: str
    url: str
    expires_at: datetime


def invite(
    workspace: Workspace, name: str, by: str, now: datetime, random: bytes, life: timedelta | None = None
) -> Invitation:
    """A new link for a person; older ones that nobody used stop working.

    Args:
        workspace: whose store, and whose ``console_url``.
        name: of the person.
        by: who invites.
        now: when.
        random: 32 bytes from the system's secure source.
        life: of the link; without it 24 hours, 7 days at most.

    Raises:
        PrincipalError: there is no such principal, it is a machine, or the life cannot be.
        PrincipalInactive: it was deactivated.
    """
    try:
        expires_at = end_of(now, life, LINK, LONGEST_LINK)
    except ValueError as wrong:
        raise PrincipalError(f"An invitation cannot live as long as that: {wrong}.") from None
    if get_principal(workspace, name).kind is PrincipalKind.MACHINE:
        raise PrincipalError(
            f"{name} is a machine: it signs in with a key.", mend=f"govflow people key {name} --name PURPOSE"
        )
    secret, digest = make_secret(SecretKind.LINK, random)
    workspace.store.sign_ins.invite(workspace.settings.tenant, name, digest, expires_at, by, now)
    return Invitation(name, f"{workspace.settings.console_url}/sign-in/link/{secret}", expires_at)
