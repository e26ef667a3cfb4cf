"""What is wrong with an approval rule of a policy file beyond its shape, and where in the file it stands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from govflow.policy.approval_shape import ApprovalShape, StageShape, ThresholdShape
from govflow.policy.enough import Places as Seats
from govflow.policy.enough import Waited, lack
from govflow.policy.globs import compile_glob, normal_glob
from govflow.policy.places import Path, Places, did_you_mean
from govflow.policy.selectors import APPROVER_KINDS, selector_problem

_USER: Final = "user:"


def check_approval(rule: ApprovalShape, here: Path, places: Places, actions: Collection[str]) -> None:
    """Refuse an approval rule that cannot be used.

    Args:
        rule: of the file.
        here: where it stands.
        places: of the file.
        actions: all that are registered.

    Raises:
        PolicyError: a selector names nobody; both forms are written; two stages or groups have one name; nobody is
            waited for; a threshold can match nothing; or the people whom it names are too few.
    """
    for path, selectors in _selectors(rule):
        for number, selector in enumerate(selectors):
            wrong = selector_problem(selector, APPROVER_KINDS)
            if wrong is not None:
                raise places.error((*here, *path, number), *wrong)
    _check_stages(rule, here, places)
    for number, threshold in enumerate(rule.thresholds):
        _check_threshold(threshold, (*here, "thresholds", number), places, actions)
    for number, seconds in enumerate(rule.remind_after_seconds):
        _check_in_time(seconds, rule.ttl_seconds, (*here, "remind_after_seconds", number), places)
    for number, escalation in enumerate(rule.escalation):
        _check_in_time(
            escalation.after_seconds, rule.ttl_seconds, (*here, "escalation", number, "after_seconds"), places
        )
    _check_people(rule, here, places)


def _selectors(rule: ApprovalShape) -> Iterator[tuple[Path, Sequence[str]]]:
    """Every list of selectors and where it stands in the rule."""
    yield ("approvers",), rule.approvers
    yield ("veto",), rule.veto
    for number, stage in enumerate(rule.stages):
        for place, group in enumerate(stage.groups):
            yield ("stages", number, "groups", place, "approvers"), group.approvers
    for number, escalation in enumerate(rule.escalation):
        yield ("escalation", number, "approvers"), escalation.approvers
    if rule.break_glass is not None:
        yield ("break_glass", "approvers"), rule.break_glass.approvers


def _check_stages(rule: ApprovalShape, here: Path, places: Places) -> None:
    if not rule.stages:
        if "stages" in rule.model_fields_set:
            raise places.error((*here, "stages"), "no stages", "Write at least one, or remove the field.")
        return
    for field in ("required", "approvers"):
        if field in rule.model_fields_set:
            mend = f"Write {field!r} in a group of a stage, or remove 'stages'."
            raise places.error((*here, field), f"{field!r} and 'stages' stand in one rule", mend)
    _check_names([stage.name for stage in rule.stages], "stages", (*here, "stages"), places)
    for number, stage in enumerate(rule.stages):
        at: Path = (*here, "stages", number, "groups")
        _check_names([group.name for group in stage.groups], "groups", at, places)
    if all(stage.optional for stage in rule.stages):
        mend = "Remove 'optional: true' from one of them: otherwise it would pass without anybody."
        raise places.error((*here, "stages"), "all stages are optional, so nobody is waited for", mend)


def _check_names(names: Sequence[str], what: str, here: Path, places: Places) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise places.error((*here, number, "name"), f"two {what} are named {name!r}", "Rename one of the two.")


def _check_threshold(threshold: ThresholdShape, here: Path, places: Places, actions: Collection[str]) -> None:
    for number, pattern in enumerate(threshold.actions):
        matches = compile_glob(pattern)
        if not any(map(matches, actions)):
            mend = f"{did_you_mean(pattern, actions)} Register others under 'actions:'."
            raise places.error((*here, "actions", number), f"unknown action {pattern!r}", mend)
    for number, pattern in enumerate(threshold.resources):
        try:
            normal_glob(pattern)
        except ValueError as wrong:
            mend = "Write the glob as docs/policy.md shows resources."
            raise places.error((*here, "resources", number), str(wrong), mend) from None


def _check_in_time(seconds: int, ttl_seconds: int, here: Path, places: Places) -> None:
    if seconds >= ttl_seconds:
        mend = "Write fewer seconds, or a longer 'ttl_seconds'."
        raise places.error(here, f"the request is over after {ttl_seconds} seconds", mend)


def _check_people(rule: ApprovalShape, here: Path, places: Places) -> None:
    """Refuse what no list of people can mend: too few are named by name. Who has a role is known elsewhere too."""
    least = max((one.required for one in rule.thresholds), default=0)
    further = tuple(approver for one in rule.escalation for approver in one.approvers)
    stages = [_waited(stage, least, further) for stage in rule.stages if not stage.optional]
    if not rule.stages:
        stages = [Waited((Seats((*rule.approvers, *further), max(rule.required, least)),))]
    found = lack(stages, {}, frozenset(), lambda selector: selector.startswith(_USER), str.casefold)
    if found is not None and found.unknown:
        raise places.error(
            here,
            "nobody can tell whether it can be met: its stages with 'need: any' can be filled in too many ways",
            "Write fewer groups, or several approval rules.",
        )
    if found is not None:
        worst = " where its thresholds ask for most" if least else ""
        raise places.error(
            here,
            f"it needs {found.needed} different people{worst}, and those whom it names can fill {found.found} places",
            "Name more people, or ask for fewer; one person counts once, in whatever stage and group.",
        )


def _waited(stage: StageShape, least: int, further: tuple[str, ...]) -> Waited:
    groups = tuple(Seats((*group.approvers, *further), max(group.required, least)) for group in stage.groups)
    return Waited(groups, any=stage.need == "any")
