"""How many wrong answers are taken of somebody, by the setting ``answer_limit``."""

from __future__ import annotations

from govflow.approval.people import person_key
from govflow.identity import Assurance, Principal
from govflow.services.workspace import Workspace
from govflow.store.attempts import Limit


def limit_of(workspace: Workspace, *whose: str) -> Limit:
    """The limit for these, each written ``KIND:VALUE``; each is counted by itself."""
    return Limit(workspace.settings.answer_limit, whose)


def limit_of_person(workspace: Workspace, person: Principal) -> Limit:
    """The limit for a person.

    A name that anybody can claim at a terminal has a count of its own: whoever claims it stops
    nobody who has signed in.
    """
    kind = "person" if person.assurance is Assurance.AUTHENTICATED else "claimed"
    return limit_of(workspace, f"{kind}:{person_key(person.name)}")
