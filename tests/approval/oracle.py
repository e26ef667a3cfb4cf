"""A second evaluator of approval rules, written plainly: it tries every way of seating people.

It knows nothing of augmenting paths or of how votes are told to be useless. It says what a sequence of votes comes to,
given which of them are taken, and it is slow.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from govflow.approval.models import ApprovalRule, Group, Stage
from govflow.approval.stages import stages_of

People = dict[str, frozenset[str]]  # name to selectors, everybody once


def names(group: Group, name: str, selectors: frozenset[str]) -> bool:
    return any(one in ("*", f"user:{name}") or one in selectors for one in group.approvers)


def most(stage: Stage, voters: Sequence[str], people: People) -> int:
    """The most places of a stage that these voters can fill, each sitting in one group; all ways are tried."""
    choices = [
        [None, *(n for n, group in enumerate(stage.groups) if names(group, voter, people[voter]))] for voter in voters
    ]
    best = 0
    for seats in itertools.product(*choices):
        taken = [min(group.required, seats.count(n)) for n, group in enumerate(stage.groups)]
        best = max(best, sum(taken))
    return best


def content(stage: Stage, voters: Sequence[str], people: People) -> bool:
    if stage.need == "all":
        return most(stage, voters, people) == sum(group.required for group in stage.groups)
    return any(sum(names(group, voter, people[voter]) for voter in voters) >= group.required for group in stage.groups)


def approved(rule: ApprovalRule, yes: Sequence[str], people: People) -> bool:
    """Whether these people, all different, who said yes in this order, meet the rule."""
    left = list(yes)
    for stage in stages_of(rule):
        if stage.optional:
            continue
        own: list[str] = []
        while not content(stage, own, people):
            if not left:
                return False
            own.append(left.pop(0))
    return True


def helps(rule: ApprovalRule, yes: Sequence[str], newcomer: str, people: People) -> bool:
    """Whether one more yes brings the stage nearer that is open after these, each of which did."""
    left = list(yes)
    for stage in stages_of(rule):
        if stage.optional:
            continue
        own: list[str] = []
        while left and not content(stage, own, people):
            own.append(left.pop(0))
        if not content(stage, own, people):
            if stage.need == "any":
                return any(names(group, newcomer, people[newcomer]) for group in stage.groups)
            return most(stage, [*own, newcomer], people) > most(stage, own, people)
    return False
