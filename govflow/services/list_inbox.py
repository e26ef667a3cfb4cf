"""What a person's inbox shows: the requests that ask the person, those there are, those that were decided."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from govflow.approval import RequestState
from govflow.identity import Principal
from govflow.services.selectors_now import selectors_now
from govflow.services.workspace import Workspace
from govflow.store.inbox import Count, InboxPage, View
from govflow.store.inbox_members import Right

_HANDS: Final = 8  # that a right passes through; rules allow no more


def list_inbox(
    workspace: Workspace,
    person: Principal,
    now: datetime,
    *,
    view: View = "mine",
    search: str = "",
    state: RequestState | None = None,
    tier: int | None = None,
    flow: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> InboxPage:
    """One page of a person's inbox, newest first; :meth:`govflow.store.inbox.Inbox.page` says what the filters are.

    Raises:
        RequestError: ``limit`` is out of range.
    """
    return workspace.store.inbox.page(
        workspace.settings.tenant,
        selectors=person.selectors(),
        person=person.name,
        view=view,
        search=search,
        state=state,
        tier=tier,
        flow=flow,
        through=rights_of_others(workspace, person, now) if view == "mine" else (),
        before=before,
        limit=limit,
    )


def count_inbox(workspace: Workspace, person: Principal, now: datetime) -> dict[str, Count]:
    """How many requests each view has (mine, all, decided), and how many are pending; counted up to a thousand."""
    return workspace.store.inbox.counts(
        workspace.settings.tenant,
        selectors=person.selectors(),
        person=person.name,
        through=rights_of_others(workspace, person, now),
    )


def rights_of_others(workspace: Workspace, person: Principal, now: datetime) -> tuple[Right, ...]:
    """What others' delegations let a person answer, those that were handed on among them.

    A list, no judgement: whether an answer counts is looked at when it is given. Approval rules that let nobody
    delegate are left out.
    """
    delegations = workspace.store.delegations.of(workspace.settings.tenant, now)
    allow = [name for name, rule in workspace.approvals.items() if rule.delegation is not None]
    of = selectors_now(workspace)
    # For each giver and rule the requests that are meant, or None for all: somebody who hands on a hundred requests one
    # by one gives one right, and the taker's inbox asks once.
    meant: dict[tuple[str, str], set[str] | None] = {}
    takers = {person.name}
    for _ in range(_HANDS):
        given = [one for one in delegations if one.taker in takers]
        for one in given:
            for place in ((one.giver, name) for name in allow if one.rule in (None, name)):
                if one.request_id is None:
                    meant[place] = None
                elif (requests := meant.setdefault(place, set())) is not None:
                    requests.add(one.request_id)
        if (more := takers | {one.giver for one in given}) == takers:
            break
        takers = more
    meant = {place: requests for place, requests in meant.items() if place[0] != person.name}
    selectors = {giver: of(giver) for giver, _ in meant}
    return tuple(
        Right(selectors[giver], giver, None if requests is None else frozenset(requests), rule)
        for (giver, rule), requests in meant.items()
    )
