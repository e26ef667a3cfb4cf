"""Who may decide a request: the same words at the terminal and in pages."""

from __future__ import annotations

from typing import Any

from govflow.approval import RequestState
from govflow.approval.progress import GroupProgress, StageProgress
from govflow.approval.wording import people_of
from govflow.services.describe.escape import plain
from govflow.services.describe.questions import moment
from govflow.services.who_decides import Deciders

_STATES = {"done": "done", "open": "asked now", "later": "asked later"}


def deciders_text(who: Deciders) -> str:
    """For a terminal: each stage and group, then who never counts."""
    request = who.question.request
    lines = [f"request {plain(request.request_id)}: {request.state}, until {moment(request.expires_at)}"]
    if request.state is RequestState.PENDING:
        people = "1 more person" if who.progress.needed == 1 else f"{who.progress.needed} more people"
        lines.append(f"needs {people} at least")
    for stage, may in zip(who.progress.stages, who.may, strict=True):
        lines += ["", f"{plain(stage.name)}: {stage_state(stage)}"]
        for group, people_now in zip(stage.groups, may, strict=True):
            lines += [f"  {plain(line)}" for line in group_lines(group, people_now)]
    if who.progress.escalated:
        lines += ["", f"by escalation also: {plain(people_of(who.progress.escalated))}"]
    if who.stead:
        lines += ["", "in the stead of others:", *(f"  {plain(line)}" for line in stead_lines(who))]
    if who.alone:
        lines += ["", f"in an emergency, alone: {plain(', '.join(who.alone))}"]
    lines += ["", "cannot answer:", *(f"  {plain(one.name)}: {plain(one.why)}" for one in who.excluded)]
    return "\n".join(lines) + "\n"


def stage_state(stage: StageProgress) -> str:
    """Where a stage is, in words."""
    if stage.optional and stage.state == "open":
        return "may answer, and nobody waits for it"
    joined = ", any of its groups" if stage.need == "any" and len(stage.groups) > 1 else ""
    return f"{_STATES[stage.state]}{joined}"


def group_lines(group: GroupProgress, may: tuple[str, ...]) -> list[str]:
    """What a group has and whom it still waits for, in words."""
    given = f" ({', '.join(group.given)})" if group.given else ""
    lines = [f"{group.name}: {min(len(group.given), group.required)} of {group.required} said yes{given}"]
    lines.append(f"  asks {people_of(group.approvers)}")
    if may:
        lines.append(f"  may still answer: {', '.join(may)}")
    return lines


def stead_lines(who: Deciders) -> list[str]:
    """Who may answer for whom, in words."""
    lines = []
    for one in who.stead:
        hands = f", who had it from {', '.join(reversed(one.through[:-1]))}" if len(one.through) > 1 else ""
        lines.append(f"{one.name} for {one.through[-1]}{hands}")
    return lines


def deciders_json(who: Deciders) -> dict[str, Any]:
    """As JSON data."""
    request = who.question.request
    return {
        "request_id": request.request_id,
        "state": str(request.state),
        "until": request.expires_at.isoformat(),
        "needed": who.progress.needed,
        "approved_by": list(who.progress.approved_by),
        "denied_by": list(who.progress.denied_by),
        "asks": sorted(who.progress.asks),
        "now": list(who.now),
        "anyone": who.anyone,
        "stages": [
            {
                "name": stage.name,
                "state": stage.state,
                "optional": stage.optional,
                "need": stage.need,
                "groups": [
                    {
                        "name": group.name,
                        "approvers": list(group.approvers),
                        "required": group.required,
                        "given": list(group.given),
                        "needed": group.needed,
                        "may": list(people),
                    }
                    for group, people in zip(stage.groups, may, strict=True)
                ],
            }
            for stage, may in zip(who.progress.stages, who.may, strict=True)
        ],
        "in_stead": [{"name": one.name, "through": list(one.through)} for one in who.stead],
        "alone": list(who.alone),
        "excluded": [{"name": one.name, "why": one.why} for one in who.excluded],
    }
