"""Who may sign in: making principals known, changing and deactivating them. Each change is on record with its author.

Whoever can run this against the database manages people: the author's name is claimed, as everywhere at a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from govflow.approval.people import same_person
from govflow.errors import PrincipalError
from govflow.identity import PrincipalKind
from govflow.services.workspace import Workspace
from govflow.store.people import KnownPrincipal, unknown

_WORD: Final = re.compile(r"[^\s*?,]{1,128}")
_EMAIL: Final = re.compile(r"[^\s@<>\"',;]{1,64}@[^\s@<>\"',;]{1,253}")
_SUBJECT: Final = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Change:
    """What to change of a principal; ``None`` leaves it, an empty text takes it away."""

    add_roles: tuple[str, ...] = ()
    drop_roles: tuple[str, ...] = ()
    add_groups: tuple[str, ...] = ()
    drop_groups: tuple[str, ...] = ()
    email: str | None = None
    issuer: str | None = None
    oidc_subject: str | None = None


def add_principal(
    workspace: Workspace,
    name: str,
    by: str,
    now: datetime,
    *,
    kind: PrincipalKind = PrincipalKind.PERSON,
    roles: Iterable[str] = (),
    groups: Iterable[str] = (),
    email: str | None = None,
    issuer: str | None = None,
    oidc_subject: str | None = None,
) -> KnownPrincipal:
    """Make a principal known.

    Args:
        workspace: whose store and policy.
        name: of the principal.
        by: who does it.
        now: when.
        kind: a person, or a machine account.
        roles: besides those that the policy file gives to that name.
        groups: likewise.
        email: where messages go.
        issuer: of the sign-in provider whose ``oidc_subject`` signs in as this principal.
        oidc_subject: the ``sub`` there; both or neither.

    Raises:
        RequestError: it is no name.
        PrincipalError: the name is taken in some spelling, here or in the policy file, or a word cannot be used.
    """
    workspace.as_policy_says(name)  # whether it is a name
    for known in workspace.principals:
        if known != name and same_person(known, name):
            raise PrincipalError(
                f"{workspace.document.where} has {known!r}, and {name!r} differs from it only in the case of letters.",
                mend=f"Call the principal {known}.",
                details={"principal": name, "taken_by": known},
            )
    principal = KnownPrincipal(
        tenant=workspace.settings.tenant,
        name=name,
        kind=kind,
        roles=_words("role", roles),
        groups=_words("group", groups),
        email=_email(email),
        issuer=issuer or None,
        oidc_subject=oidc_subject or None,
        active=True,
        created_at=now,
        created_by=by,
    )
    _check_subject(principal)
    workspace.store.people.add(principal)
    return principal


def change_principal(workspace: Workspace, name: str, change: Change, by: str, now: datetime) -> KnownPrincipal:
    """Change roles, groups, address or provider's subject of a principal.

    Sessions that are open have the new roles and groups from their next request on. Where another subject signs in as
    this principal from now on, they are ended.

    Raises:
        PrincipalError: there is none of that name, or the change cannot be made.
    """
    before = get_principal(workspace, name)
    changed = replace(
        before,
        roles=_without(_words("role", (*before.roles, *change.add_roles)), change.drop_roles, "role", before.roles),
        groups=_without(
            _words("group", (*before.groups, *change.add_groups)), change.drop_groups, "group", before.groups
        ),
        email=before.email if change.email is None else _email(change.email),
        issuer=before.issuer if change.issuer is None else change.issuer or None,
        oidc_subject=before.oidc_subject if change.oidc_subject is None else change.oidc_subject or None,
    )
    _check_subject(changed)
    workspace.store.people.change(changed, by, now)
    return changed


def get_principal(workspace: Workspace, name: str) -> KnownPrincipal:
    """The principal of exactly that name. ``PrincipalError`` if there is none."""
    found = workspace.store.people.get(workspace.settings.tenant, name)
    if found is None:
        raise unknown(name)
    return found


def list_principals(workspace: Workspace, *, inactive: bool = False) -> list[KnownPrincipal]:
    """The principals of this tenant by name."""
    return workspace.store.people.list(workspace.settings.tenant, inactive=inactive)


def deactivate_principal(workspace: Workspace, name: str, by: str, now: datetime) -> Mapping[str, int]:
    """End a principal with all its sessions, links and API keys; how many of each.

    Raises:
        PrincipalError: there is none of that name, or it was deactivated before.
    """
    return workspace.store.people.deactivate(workspace.settings.tenant, name, by, now)


def reactivate_principal(workspace: Workspace, name: str, by: str, now: datetime) -> bool:
    """Let a principal sign in again, with new links and keys; False if it was active.

    Raises:
        PrincipalError: there is none of that name.
    """
    return workspace.store.people.reactivate(workspace.settings.tenant, name, by, now)


def usable_words(words: Iterable[object]) -> tuple[str, ...]:
    """Those of ``words`` that can be names of roles or groups, each once; a provider may say anything."""
    return tuple(dict.fromkeys(word for word in words if isinstance(word, str) and _WORD.fullmatch(word)))


def _words(what: str, words: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(words))
    for word in found:
        if not _WORD.fullmatch(word):
            raise PrincipalError(
                f"{word!r} is no name of a {what}.", mend=f"A {what} is one word without blanks, commas and wildcards."
            )
    return found


def _without(words: tuple[str, ...], dropped: tuple[str, ...], what: str, held: tuple[str, ...]) -> tuple[str, ...]:
    for word in dropped:
        if word not in held:
            raise PrincipalError(
                f"There is no {what} {word!r} to take away.",
                mend="The store can take away only what it gives; the policy file and the sign-in give others.",
            )
    return tuple(word for word in words if word not in dropped)


def _email(address: str | None) -> str | None:
    if address and not _EMAIL.fullmatch(address):
        raise PrincipalError("That is no address for mail.", mend="Write it as name@example.org.")
    return address or None


def _check_subject(principal: KnownPrincipal) -> None:
    if (principal.issuer is None) != (principal.oidc_subject is None):
        raise PrincipalError(
            "A provider without a subject, or a subject without a provider, is nobody.", mend="Give both or neither."
        )
    if principal.oidc_subject is not None and not _SUBJECT.fullmatch(principal.oidc_subject):
        raise PrincipalError("That is no subject of a sign-in provider.", mend="It is what the claim `sub` holds.")


def author(workspace: Workspace, name: str | None) -> str:
    """Who changes something at a terminal: the name that was given, else the principal of this process.

    Raises:
        RequestError: it is no name.
        PrincipalInactive: it was deactivated.
    """
    return workspace.principal(name if name is not None else workspace.requester().name).name
