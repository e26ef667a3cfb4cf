"""Names to choose from."""

from __future__ import annotations

from govflow.approval import same_person
from govflow.identity import PrincipalKind
from govflow.services.workspace import Workspace


def people_besides(workspace: Workspace, *others: str) -> list[str]:
    """The active people whom the store or the policy knows, without ``others``."""
    stored = workspace.store.people.list(workspace.settings.tenant)
    names = {one.name for one in stored if one.kind is PrincipalKind.PERSON} | set(workspace.principals)
    return sorted(name for name in names if not any(same_person(name, other) for other in others))
