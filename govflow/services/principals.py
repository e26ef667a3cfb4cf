"""Principals for whom a sign-in vouches, put together from policy file, store and sign-in."""

from __future__ import annotations

from govflow.errors import PrincipalInactive
from govflow.identity import Assurance, Principal
from govflow.services.workspace import Workspace


def known_principal(
    workspace: Workspace, name: str, roles: tuple[str, ...] = (), groups: tuple[str, ...] = ()
) -> Principal | None:
    """The principal of that name for whom a sign-in vouches; ``None`` if the store has none, or an inactive one.

    Args:
        workspace: whose store and policy.
        name: exactly as it stands in the store.
        roles: that the sign-in vouches for, besides those of policy file and store.
        groups: likewise.
    """
    if workspace.store.people.get(workspace.settings.tenant, name) is None:
        return None
    try:
        person = workspace.principal(name, Assurance.AUTHENTICATED)
    except PrincipalInactive:
        return None
    more = {"roles": merged(person.roles, roles), "groups": merged(person.groups, groups)}
    return person.model_copy(update=more)


def merged(*several: tuple[str, ...]) -> tuple[str, ...]:
    """Each name once, in the order of its first place."""
    return tuple(dict.fromkeys(name for names in several for name in names))
