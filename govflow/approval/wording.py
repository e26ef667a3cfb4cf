"""Approval rules in plain words: who may answer, what is still missing, whom to ask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from govflow.approval.models import ApprovalRequest, ApprovalRule, Group, Stage
from govflow.approval.selectors import EVERYONE, USER
from govflow.approval.stages import approvers_of, stages_of

if TYPE_CHECKING:
    from govflow.approval.progress import Progress
    from govflow.approval.tally import Tally


def people_of(approvers: Iterable[str]) -> str:
    """``dora or whoever has the role owner``; ``anyone`` for all."""
    entries = tuple(approvers)
    if EVERYONE in entries:
        return "anyone"
    return " or ".join(_person(selector) for selector in entries) or "nobody"


def _person(selector: str) -> str:
    kind, _, name = selector.partition(":")
    if selector.startswith(USER):
        return name
    return f"whoever is in the group {name}" if kind == "group" else f"whoever has the {kind} {name}"


def _number(required: int) -> str:
    return "one person" if required == 1 else f"{required} different people"


def _group(group: Group) -> str:
    return f"{_number(group.required)}: {people_of(group.approvers)}"


def _stage(stage: Stage) -> str:
    groups = [_group(group) for group in stage.groups]
    joined = (" and " if stage.need == "all" else " or ").join(
        f"({text})" if len(groups) > 1 else text for text in groups
    )
    return joined


def who_may(rule: ApprovalRule) -> str:
    """Who decides, in words: stages and their groups, escalation, vetoes, how many a no takes.

    ``2 different people: dora or whoever has the role owner``;
    ``first owners (one person: ...), then security (one person: ...)``.
    """
    stages = stages_of(rule)
    waited = [stage for stage in stages if not stage.optional]
    if len(waited) == 1:
        text = _stage(waited[0])
    else:
        text = ", ".join(
            f"{'first' if number == 0 else 'then'} {stage.name} ({_stage(stage)})"
            for number, stage in enumerate(waited)
        )
    asides = [f"{one.name} may answer too ({_stage(one)}), and nobody waits for it" for one in stages if one.optional]
    later = sorted(rule.escalation, key=lambda one: one.after_seconds)
    asides += [f"after {duration(one.after_seconds)} also {people_of(one.approvers)}" for one in later]
    if rule.thresholds:
        most = max(one.required for one in rule.thresholds)
        asides.append(f"up to {most} of each where tier, action or resource ask for more")
    if rule.deny_threshold > 1:
        asides.append(f"{rule.deny_threshold} people who say no end it")
        if rule.veto:
            asides.append(f"a no of {people_of(rule.veto)} ends it at once")
    return "; ".join([text, *asides])


def duration(seconds: int) -> str:
    """``2 days``, ``90 minutes``, ``45 seconds``: in the largest unit that leaves no rest."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def not_these(request: ApprovalRequest) -> str:
    """Who never counts for a request, in words."""
    owners = [name for name in request.owners if name != request.requester]
    also = f", nor {' or '.join(owners)}, whose schedule or bot started it" if owners else ""
    return f"not {request.requester}, who asked for the run{also}"


def whom_to_ask(request: ApprovalRequest) -> str:
    """What somebody is told whose vote does not count."""
    approvers = approvers_of(request.rule)
    if EVERYONE in approvers:
        return f"Ask anyone else; {not_these(request)}."
    return f"Ask one of: {', '.join(approvers)}; {not_these(request)}."


def asked_now(tally: Tally) -> str:
    """What somebody is told whose yes is not asked for now: which stage is."""
    now = tally.open
    if now is None:
        return "Nobody is asked any more."
    missing = zip(now.stage.groups, now.missing_of(), strict=True)
    wanted = [f"{count} more of {group.name} ({people_of(group.approvers)})" for group, count in missing if count]
    joined = (" and " if now.stage.need == "all" else " or ").join(wanted)
    return f"Stage {now.stage.name!r} is asked now: {joined}. A no counts at any time."


def progress_text(progress: Progress) -> list[str]:
    """A line for each group of each stage: what it has, and what it still needs."""
    lines = []
    for stage in progress.stages:
        for group in stage.groups:
            where = group.name if stage.name == group.name else f"{stage.name}, {group.name}"
            said = f" ({', '.join(group.given)})" if group.given else ""
            aside = {"done": "done", "open": "asked now", "later": "asked later"}[stage.state]
            if stage.optional and stage.state == "open":
                aside = "optional"
            elif stage.state == "done" and group.needed:
                aside = "not needed any more"
            count = min(len(group.given), group.required)
            lines.append(f"{where}: {count} of {group.required} said yes{said}; {aside}")
    return lines
