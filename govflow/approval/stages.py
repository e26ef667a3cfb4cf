"""The stages of an approval rule, whichever way it is written."""

from __future__ import annotations

from govflow.approval.models import ApprovalRule, Group, Stage

ONLY = "approval"
"""What the stage and the group are called where a rule names none."""


def stages_of(rule: ApprovalRule) -> tuple[Stage, ...]:
    """The stages in the order in which they are asked; at least one.

    A rule of the short form, ``required`` of ``approvers``, is one stage with one group.
    """
    if rule.stages:
        return rule.stages
    group = Group(name=ONLY, approvers=rule.approvers, required=rule.required)
    return (Stage(name=ONLY, groups=(group,)),)


def asked_selectors(rule: ApprovalRule) -> frozenset[str]:
    """Everybody whom the rule may come to ask, as selectors: stages, escalation, vetoes, emergencies."""
    groups = [group.approvers for stage in stages_of(rule) for group in stage.groups]
    later = [one.approvers for one in rule.escalation]
    alone = [rule.break_glass.approvers] if rule.break_glass is not None else []
    return frozenset[str]().union(rule.veto, *groups, *later, *alone)


def approvers_of(rule: ApprovalRule) -> tuple[str, ...]:
    """The selectors of all its groups, each once, in the order of the file."""
    return tuple(dict.fromkeys(one for stage in stages_of(rule) for group in stage.groups for one in group.approvers))


def fewest(rule: ApprovalRule) -> int:
    """The fewest people who can make a request approved; thresholds and optional stages left out."""
    waited = (stage for stage in stages_of(rule) if not stage.optional)
    return sum((sum if stage.need == "all" else min)(group.required for group in stage.groups) for stage in waited)
