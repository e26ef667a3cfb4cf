"""The approval rule that holds for one step: with the thresholds that its tier, action and resource reach."""

from __future__ import annotations

from collections.abc import Iterable

from govflow.approval.models import ApprovalRule, Group, Threshold
from govflow.ir.models import Tier
from govflow.policy.globs import NoNormalForm, normal_glob
from govflow.policy.holes import normal_with_holes, some_match


def rule_for(rule: ApprovalRule, tier: Tier, action: str, resource: str) -> ApprovalRule:
    """The rule with ``required`` raised where thresholds match, and without thresholds: this is what people are asked.

    A threshold raises each group that needs fewer people, never lowers one; of several the one that asks most counts.
    What is not known of a resource (``{?}``) counts as what would make the threshold match, as it does for a policy
    rule that restricts; so does a resource that names no one place.
    """
    return rule_for_deeds(rule, [(tier, action, resource)])


def rule_for_deeds(rule: ApprovalRule, deeds: Iterable[tuple[Tier, str, str]]) -> ApprovalRule:
    """As :func:`rule_for`, for one question about several deeds, each with tier, action and resource."""
    if not rule.thresholds:
        return rule
    matching = [one.required for deed in deeds for one in rule.thresholds if _matches(one, *deed)]
    return raised(rule, max(matching, default=0))


def raised(rule: ApprovalRule, least: int) -> ApprovalRule:
    """The rule without thresholds, each group of it needing so many people at least."""
    stages = tuple(
        stage.model_copy(update={"groups": tuple(_raised(group, least) for group in stage.groups)})
        for stage in rule.stages
    )
    short = {} if stages else {"required": max(rule.required, least)}
    return rule.model_copy(update={**short, "stages": stages, "thresholds": ()})


def _raised(group: Group, least: int) -> Group:
    return group.model_copy(update={"required": max(group.required, least)})


def _matches(one: Threshold, tier: Tier, action: str, resource: str) -> bool:
    if one.tiers and tier not in one.tiers:
        return False
    acts = some_match(one.actions)
    if acts is not None and not acts(action):
        return False
    try:
        touches = some_match([normal_glob(pattern) for pattern in one.resources])
        return touches is None or touches(normal_with_holes(resource))
    except (NoNormalForm, ValueError):
        return True  # it says no one place, so it may be the one
