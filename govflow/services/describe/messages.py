"""Messages about approvals: what is asked, why, by whom, until when, and where it is answered. Plain text.

The sentences are those of the run's state. What somebody else's source or parameters say is shown so that it becomes
neither a mention nor a command of the chat that it lands in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from govflow.approval.models import ApprovalRequest, RequestState, Vote, VoteKind
from govflow.approval.progress import progress
from govflow.governor.explain import question, step_of
from govflow.services.describe.escape import plain
from govflow.services.describe.questions import moment
from govflow.store.messages import Kind

_MENTION: Final = re.compile(r"(@|<(?=[!@#&/A-Za-z])|\](?=\())")
"""What chats take for a mention, a command, or a link that is called otherwise than where it leads."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message as people read it. ``repr`` shows no body: it may hold a token."""

    title: str
    body: str

    def __repr__(self) -> str:
        return f"Text({self.title!r})"


def message_text(
    request: ApprovalRequest,
    votes: Sequence[Vote],
    kind: Kind,
    now: datetime,
    *,
    number: int = 0,
    link: str = "",
    token: str = "",
) -> Text:
    """The message about a request.

    Args:
        request: as the store last said.
        votes: those that count.
        kind: what the message is about.
        now: aware.
        number: of the reminder or escalation.
        link: where it is answered, or read; empty where nobody knows.
        token: of the one person who gets this message; empty for everybody else.
    """
    step = quiet(step_of(request))
    if kind in (Kind.DECIDED, Kind.BREAK_GLASS):
        return Text(_decided_title(request, kind, step), "\n".join(_decided(request, votes, link)))
    title = {
        Kind.ASKED: f"Approval needed: {step}, tier {int(request.tier)}",
        Kind.REMINDER: f"Reminder {number}: {step} still waits for approval, tier {int(request.tier)}",
        Kind.ESCALATED: f"Escalated: {step} waits for approval, and you may answer now, tier {int(request.tier)}",
    }[kind]
    stands = progress(request, votes, now)
    people = "one more person" if stands.needed == 1 else f"{stands.needed} more people"
    lines = [quiet(question(request)), "", *_where(request)]
    if stands.approved_by:
        lines += [f"said yes so far: {', '.join(map(quiet, stands.approved_by))}; {people} must approve"]
    if link:
        lines += ["", f"Read and answer it: {link}"]
    if token:
        lines += ["", f"Your token, for you alone and for one answer: {token}"]
    return Text(title, "\n".join(lines))


def quiet(text: object) -> str:
    """One line in which nothing mentions anybody, and no link has another name than its address."""
    return _MENTION.sub("\\1\u200b", plain(text, 1000))


def _decided_title(request: ApprovalRequest, kind: Kind, step: str) -> str:
    if kind is Kind.BREAK_GLASS:
        return f"Break glass: {step} was let through by one person alone, tier {int(request.tier)}"
    state = RequestState.APPROVED if request.state is RequestState.EXERCISED else request.state
    return f"{str(state).capitalize()}: {step}, tier {int(request.tier)}"


def _decided(request: ApprovalRequest, votes: Sequence[Vote], link: str) -> list[str]:
    lines = [quiet(request.reason), "", *_where(request)]
    for vote in votes:
        alone = ", alone, in an emergency" if vote.kind is VoteKind.BREAK_GLASS else ""
        alone = ", counts no more (deactivated since)" if vote.kind is VoteKind.WITHDRAWN else alone
        why = f": {quiet(vote.reason)}" if vote.reason else ""
        lines.append(f"{quiet(vote.principal)} said {vote.decision}{alone}{why}")
    return [*lines, "", f"Read it: {link}"] if link else lines


def _where(request: ApprovalRequest) -> list[str]:
    binding = request.binding
    return [
        f"flow {quiet(binding.flow)}, run {quiet(binding.run_id)}, request {quiet(request.request_id)}",
        f"asked by {quiet(request.requester)} at {moment(request.created_at)}, until {moment(request.expires_at)}",
    ]
