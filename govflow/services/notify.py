"""Telling people: what happened to a request becomes a message for each target that it concerns, and is delivered.

A flow's process only puts down what happened, in the transaction in which it happens. Everything here is done by
whoever sweeps: the process that ``govflow up`` runs, ``govflow approvals notify``, or the flow ``notify-approvers``.
Any number of them may: each message is held by one at a time, and what a killed one held is sent by another.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from govflow.approval.ballots import excluded
from govflow.approval.models import ApprovalRequest, RequestState, Vote, VoteDecision, VoteKind
from govflow.approval.people import person_key
from govflow.approval.progress import progress
from govflow.approval.selectors import EVERYONE, USER, names
from govflow.approval.stages import asked_selectors
from govflow.errors import GovflowError, StoreError, VoteRefused
from govflow.notify_settings import Target
from govflow.services.decide_approvals import mint_token
from govflow.services.describe.messages import Text, message_text
from govflow.services.links import console_link
from govflow.services.tell_takers import delegation_is_over, link_of, places_of, request_of, taker_text
from govflow.services.workspace import Workspace
from govflow.store.messages import Kind
from govflow.store.outbox import ATTEMPTS, Message
from govflow.telemetry import get_logger

LEASE: Final = timedelta(minutes=2)
"""How long one sweeper holds a message. Longer than a service may take: Apprise gives up after seconds."""
STOP_AFTER: Final = 3
"""Failures one after the other after which a sweep leaves a target's further messages to the next sweep."""
_UNREADABLE: Final = timedelta(hours=1)  # until it is looked at again
_STALE: Final = timedelta(days=1)  # nobody is told of what was decided longer ago

_log = get_logger(__name__)

Send = Callable[[Target, Text], None]
Link = Callable[[ApprovalRequest], str]

_ASKING: Final = (Kind.ASKED, Kind.REMINDER, Kind.ESCALATED)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of one sweep, in messages."""

    sent: int = 0
    failed: int = 0  # and tried again later
    given_up: int = 0
    dropped: int = 0  # what they say was no longer so


def enqueue(workspace: Workspace, now: datetime) -> int:
    """Make a message for each target of what is put down and due by ``now``; how many.

    Where no target is configured it stays put down for those who have some.
    """
    targets, made = workspace.settings.notify, 0
    if not targets:
        return 0
    outbox, tenant = workspace.store.outbox, workspace.settings.tenant
    while found := outbox.due(tenant, now, new=True):
        for message in found:
            try:
                kind, chosen = _concerned(workspace, message, now)
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 - one that cannot be read stops no other
                _put_off(workspace, message, error, now)
                continue
            chosen = [name for name in chosen if not targets[name].kinds or kind.value in targets[name].kinds]
            of_targets = [(name, _alone(targets[name], kind)) for name in chosen]
            if outbox.spread(message, kind, of_targets, now):
                made += len(chosen)
    return made


def deliver_due(
    workspace: Workspace,
    now: datetime,
    send: Send,
    *,
    link: Link | None = None,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> Delivered:
    """Deliver what is enqueued and due: each message at least once, by one sweeper at a time.

    Each target has its turn: one that is down, or that the settings do not name any more, holds up no other.

    Args:
        workspace: whose tenant and targets.
        now: the moment.
        send: delivers one message to one target; raises where it was not taken.
        link: where a request is read, where no console is configured.
        random: for tokens: so many bytes from the system's secure source.
    """
    counts = dict.fromkeys(("sent", "failed", "given_up", "dropped"), 0)
    outbox = workspace.store.outbox
    for target in workspace.settings.notify:
        in_a_row = 0
        for message in outbox.due(workspace.settings.tenant, now, new=False, target=target):
            if in_a_row == STOP_AFTER:
                break
            became = _delivered(workspace, message, now, send, link, random)
            if became is not None:
                counts[became] += 1
                in_a_row = in_a_row + 1 if became in ("failed", "given_up") else 0
    return Delivered(**counts)


def _delivered(
    workspace: Workspace,
    message: Message,
    now: datetime,
    send: Send,
    link: Link | None,
    random: Callable[[int], bytes],
) -> str | None:
    """What became of a message; None where another sweeper holds it, or what it is about cannot be read."""
    outbox, target = workspace.store.outbox, workspace.settings.notify[message.target]
    try:
        make = _for_taker(workspace, message, now, link) or _about_request(
            workspace, message, target, now, link, random
        )
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - one that cannot be read stops no other
        _put_off(workspace, message, error, now)
        return None
    if not outbox.claim(message, now, LEASE):
        return None
    if message.attempts >= ATTEMPTS:  # whoever held it died each time; it may have been sent, and not been noted
        outbox.failed(message, "Whoever sent it ended before saying what came of it, each time.", now)
        return "given_up"
    return _deliver(workspace, message, now, send, make)


def _put_off(workspace: Workspace, message: Message, error: Exception, now: datetime) -> None:
    _log.error("messages.unreadable", message=message.notification_id, kind=type(error).__name__)
    workspace.store.outbox.postpone(message, now + _UNREADABLE)


def _deliver(workspace: Workspace, message: Message, now: datetime, send: Send, make: Callable[[], Text] | None) -> str:
    """Send a message that this sweeper holds."""
    outbox, target = workspace.store.outbox, workspace.settings.notify[message.target]
    if make is None:
        outbox.drop(message)
        return "dropped"
    try:
        send(target, make())
    except Exception as error:  # noqa: BLE001 - a message that fails stops no other; its words may hold a secret
        said = error.message if isinstance(error, GovflowError) else type(error).__name__
        return "given_up" if outbox.failed(message, said, now) else "failed"
    outbox.sent(message, now)
    return "sent"


def _for_taker(workspace: Workspace, message: Message, now: datetime, link: Link | None) -> Callable[[], Text] | None:
    """What makes the text about a delegation; None where it is over, or the message is about a request."""
    if not message.delegation_id:
        return None
    delegation = workspace.store.delegations.get(message.delegation_id)
    if delegation_is_over(delegation, now):
        return None
    where, request = link_of(workspace, delegation), request_of(workspace, delegation)
    if not where and link is not None and request is not None:
        where = link(request)
    return partial(taker_text, delegation, where)


def _about_request(
    workspace: Workspace,
    message: Message,
    target: Target,
    now: datetime,
    link: Link | None,
    random: Callable[[int], bytes],
) -> Callable[[], Text] | None:
    """What makes the text about a request; None where nobody is asked any more, or it is about something else."""
    if not message.request_id:
        return None
    request = workspace.store.approvals.get(message.request_id)
    if message.kind in _ASKING and not _is_pending(request, now):
        return None
    votes = workspace.store.approvals.votes(message.request_id)
    where = console_link(workspace.settings, request.request_id) or (link(request) if link is not None else "")

    def make() -> Text:
        token = _token(workspace, message, target, now, random)
        return message_text(request, votes, message.kind, now, number=message.number, link=where, token=token)

    return make


def _token(
    workspace: Workspace, message: Message, target: Target, now: datetime, random: Callable[[int], bytes]
) -> str:
    """A fresh token of the one person whom the target serves, if the setting asks for it and the person may answer."""
    if not target.with_token or message.kind not in _ASKING:
        return ""
    (name,) = target.people
    try:
        return mint_token(workspace, message.request_id, workspace.principal(name), now, random(32))
    except VoteRefused:
        return ""  # the question is still worth knowing; why there is no token is on record


def _concerned(workspace: Workspace, message: Message, now: datetime) -> tuple[Kind, list[str]]:
    """What the message is about by now, and the names of the targets that it is for."""
    kind, targets = message.kind, workspace.settings.notify
    if message.delegation_id:
        return kind, places_of(workspace, workspace.store.delegations.get(message.delegation_id), now)
    request = workspace.store.approvals.get(message.request_id)
    votes = workspace.store.approvals.votes(message.request_id)
    if kind in _ASKING:
        asks = _asked_anew(request, votes, message, now) if _is_pending(request, now) else frozenset()
        chosen = [name for name, one in targets.items() if asks and _serves(workspace, one, request, asks)]
    else:
        alone = any(one.kind is VoteKind.BREAK_GLASS and one.decision is VoteDecision.APPROVE for one in votes)
        kind = Kind.BREAK_GLASS if alone else Kind.DECIDED
        told = workspace.store.outbox.told(request.request_id)
        every = asked_selectors(request.rule) if alone else frozenset()
        chosen = [
            name
            for name, one in targets.items()
            if name in told or not (one.people or one.selectors) or (alone and _serves(workspace, one, request, every))
        ]
        by_standing = not votes and request.state in (RequestState.APPROVED, RequestState.EXERCISED)
        if by_standing or now - message.created_at > _STALE:  # a standing approval is there so that nobody is bothered
            chosen = []
    return kind, chosen


def _asked_anew(request: ApprovalRequest, votes: Sequence[Vote], message: Message, now: datetime) -> frozenset[str]:
    """Whom the message is for: those who are asked now, and for a vote only those who were not asked before it."""
    if message.kind is Kind.ESCALATED:
        return frozenset(request.rule.escalation[message.number - 1].approvers)
    asks = progress(request, votes, now).asks
    if message.kind is Kind.ASKED and message.number:
        before = progress(request, votes[: message.number - 1], now).asks
        return asks - before
    return asks


def _serves(workspace: Workspace, target: Target, request: ApprovalRequest, asks: frozenset[str]) -> bool:
    """Whether a target serves anybody of those who are asked; the requester and owners are asked nothing."""
    if not target.people and not target.selectors:
        return True
    people = [*target.people, *(one.removeprefix(USER) for one in target.selectors if one.startswith(USER))]
    named = [name for name in people if person_key(name) not in excluded(request)]
    if any(names(asks, name, _selectors(workspace, name)) for name in named):
        return True
    roles = [one for one in target.selectors if not one.startswith(USER)]
    return bool(roles) and (EVERYONE in asks or not asks.isdisjoint(roles))


def _selectors(workspace: Workspace, name: str) -> frozenset[str]:
    try:
        return workspace.principal(name).selectors()
    except GovflowError:  # no name of a principal, or one that was deactivated
        return frozenset()


def _alone(target: Target, kind: Kind) -> str | None:
    return target.people[0] if target.with_token and kind in _ASKING else None


def _is_pending(request: ApprovalRequest, now: datetime) -> bool:
    return request.state is RequestState.PENDING and now < request.expires_at
