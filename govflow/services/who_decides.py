"""Who may decide a request now, who has, who still may, and who never counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from govflow.approval import ApprovalRequest, RequestState, Vote, VoteDecision, eligible, same_person
from govflow.approval.delegations import path
from govflow.approval.models import VoteKind
from govflow.approval.people import person_key
from govflow.approval.progress import GroupProgress, Progress, progress
from govflow.approval.selectors import EVERYONE, USER, names
from govflow.approval.stages import asked_selectors
from govflow.identity import PrincipalKind
from govflow.services.decide_approvals import Question, is_unnamed_machine, show_request
from govflow.services.selectors_now import selectors_now
from govflow.services.workspace import Workspace
from govflow.store.delegations import SelectorsOf

REQUESTER: Final = "asked for the run"
OWNER: Final = "owns the schedule or bot that started the run"


@dataclass(frozen=True, slots=True)
class Excluded:
    """Somebody who cannot answer, and why, in words."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Stead:
    """Somebody who may answer in the stead of another."""

    name: str
    through: tuple[str, ...]  # from the one whose right it is to the one before ``name``


@dataclass(frozen=True, slots=True)
class Deciders:
    """Who decides a request. ``may`` holds, for each stage and group, the people known by name who still may."""

    question: Question
    progress: Progress
    may: tuple[tuple[tuple[str, ...], ...], ...]
    now: tuple[str, ...]  # all whose yes would count now
    stead: tuple[Stead, ...]
    alone: tuple[str, ...]  # who may let it run in an emergency
    excluded: tuple[Excluded, ...]

    @property
    def anyone(self) -> bool:
        """Whether people may decide now whom nobody knows by name."""
        return EVERYONE in self.progress.asks


def who(workspace: Workspace, request_id: str, now: datetime) -> Deciders:
    """Who may decide a request.

    People are those whom the policy or the store knows, and those whom the approval rule names; roles and groups are
    those of now. Under another policy than the run's the answer is about the people of this one.

    Args:
        workspace: whose store, tenant and policy.
        request_id: of the request, open or not.
        now: aware.

    Raises:
        RequestError: there is no such request in this tenant.
    """
    question = show_request(workspace, request_id)
    request, votes = question.request, question.votes
    come = progress(request, votes, now)
    of = selectors_now(workspace)
    out = tuple(_excluded(request, votes))
    people = [name for name in _known(workspace, request) if not any(same_person(name, one.name) for one in out)]
    right = {name: of(name) for name in people}
    able = [name for name in people if eligible(request.rule, request, name, right[name], now=now, votes=votes)]
    stead = tuple(_in_stead(workspace, request, votes, able, of, now))

    def may(group: GroupProgress) -> tuple[str, ...]:
        return tuple(name for name in able if names(group.approvers, name, right[name]))

    pending = request.state is RequestState.PENDING and now < request.expires_at
    terms = request.rule.break_glass
    return Deciders(
        question=question,
        progress=come,
        may=tuple(tuple(may(group) if pending else () for group in stage.groups) for stage in come.stages),
        now=tuple(name for name in able if pending and names(come.asks, name, right[name])),
        stead=stead if pending else (),
        alone=tuple(name for name in people if pending and terms and names(terms.approvers, name, right[name])),
        excluded=out,
    )


def _known(workspace: Workspace, request: ApprovalRequest) -> list[str]:
    found = {*workspace.principals, *(one.name for one in workspace.store.people.list(workspace.settings.tenant))}
    found |= {one.removeprefix(USER) for one in asked_selectors(request.rule) if one.startswith(USER)}
    everybody = workspace.store.people.list(workspace.settings.tenant, inactive=True)
    gone = {person_key(one.name) for one in everybody if not one.active}
    machines = [workspace.principal(one.name) for one in everybody if one.active and one.kind is PrincipalKind.MACHINE]
    gone |= {person_key(one.name) for one in machines if is_unnamed_machine(request.rule, one)}
    return sorted((name for name in found if person_key(name) not in gone), key=person_key)


def _excluded(request: ApprovalRequest, votes: Sequence[Vote]) -> Iterable[Excluded]:
    yield Excluded(request.requester, REQUESTER)
    for owner in request.owners:
        if not same_person(owner, request.requester):
            yield Excluded(owner, OWNER)
    for vote in votes:
        said = "has said yes" if vote.decision is VoteDecision.APPROVE else "has said no"
        if vote.kind is VoteKind.WITHDRAWN:
            said = "has said yes, which counts no more: deactivated since"
        yield Excluded(vote.principal, said)
        for name in vote.through:
            yield Excluded(name, f"has answered through {vote.principal}")


def _in_stead(
    workspace: Workspace,
    request: ApprovalRequest,
    votes: Sequence[Vote],
    able: Sequence[str],
    of: SelectorsOf,
    now: datetime,
) -> Iterable[Stead]:
    given = workspace.store.delegations.of(request.binding.tenant, now)
    for name in sorted({one.taker for one in given}, key=person_key):
        way = None if name in able else path(given, name, request, now, of, votes=votes)
        spent = any(same_person(name, vote.principal) for vote in votes)
        if way and not spent:
            yield Stead(name, way)
