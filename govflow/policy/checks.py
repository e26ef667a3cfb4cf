"""What needs the whole policy to be judged: paths, operators, globs, selectors, names of other things."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from govflow.errors import VocabularyError
from govflow.ir.vocabulary import WAITS, Vocabulary
from govflow.policy.approval_checks import check_approval
from govflow.policy.attributes import AttributeSchema, AttributeType, declaration_problem
from govflow.policy.conditions import Compiler, Predicate
from govflow.policy.exemptions import PolicyException
from govflow.policy.globs import compile_glob, normal_glob
from govflow.policy.imports import Source
from govflow.policy.model import Effect
from govflow.policy.places import Path, Places, did_you_mean
from govflow.policy.rules import Band, Level, PolicyRule
from govflow.policy.selectors import PRINCIPAL_NAME, SUBJECT_KINDS, selector_problem
from govflow.policy.shape import PolicyFile

_WORD: Final = re.compile(r"\S(.*\S)?")
_KEYS: Final = frozenset({AttributeType.STRING, AttributeType.INT, AttributeType.ANY})


@dataclass(frozen=True, slots=True)
class _Whole:
    """What all files of a policy say together."""

    file: PolicyFile
    schema: AttributeSchema
    actions: Collection[str]
    rules: Mapping[str, PolicyRule]


def check_files(sources: Sequence[Source], whole: PolicyFile, vocabulary: Vocabulary) -> AttributeSchema:
    """Refuse what is wrong in any of the files; the attribute schema of a policy where nothing is.

    Args:
        sources: the files, each with its own places.
        whole: the same as one file.
        vocabulary: the words that are registered without them.

    Raises:
        PolicyError: the first thing that is wrong.
    """
    for source in sources:
        for path in source.file.attributes:
            _raise_if(declaration_problem(path, whole.attributes), source.places, ("attributes", path))
        vocabulary = _extended(vocabulary, source)
    schema = AttributeSchema(whole.attributes)
    said = _Whole(whole, schema, vocabulary.actions, {rule.name: rule for rule in whole.policy.rules})
    bands: dict[str, Band] = {}
    for source in sources:
        bands |= source.file.policy.bands  # of this file and those before it, so that the one that imports is named
        _check(source.file, source.places, said, bands)
    return schema


def _check(file: PolicyFile, places: Places, whole: _Whole, bands: Mapping[str, Band]) -> None:
    _check_people(file, places, whole.file, whole.actions)
    for name, band in file.policy.bands.items():
        _check_band(name, band, places, bands)
    for index, rule in enumerate(file.policy.rules):
        here: Path = ("policy", "rules", index)
        _check_targets(rule, here, places, whole.actions)
        _check_approval(rule, here, places, whole.file.approvals)
        _check_words(rule.obligations, (*here, "obligations"), places)
        _check_words(rule.compliance, (*here, "compliance"), places)
        _check_rollout(rule, here, places, whole.schema)
        compile_rule(rule, whole.schema, places, here)
    for index, exception in enumerate(file.policy.exceptions):
        here = ("policy", "exceptions", index)
        _check_targets(exception, here, places, whole.actions)
        _check_exception(exception, here, places, whole.rules)
        compile_exception(exception, whole.schema, places, here)


def compile_rule(rule: PolicyRule, schema: AttributeSchema, places: Places, here: Path) -> tuple[Predicate, ...]:
    """The conditions of a rule as functions, in the order of path and operator.

    Raises:
        PolicyError: a path is unknown, or an operator or operand does not fit it.
    """
    compiler = Compiler(schema, places, f"rule {rule.name!r}", restricts=rule.restricts)
    return compiler.group(rule.conditions, (*here, "conditions"))


def compile_exception(
    exception: PolicyException, schema: AttributeSchema, places: Places, here: Path
) -> tuple[Predicate, ...]:
    """The conditions of an exception as functions; what is missing counts as not met, as under an allow.

    Raises:
        PolicyError: as :func:`compile_rule`.
    """
    compiler = Compiler(schema, places, f"exception {exception.name!r}", restricts=False)
    return compiler.group(exception.conditions, (*here, "conditions"))


def _check_targets(rule: PolicyRule | PolicyException, here: Path, places: Places, actions: Collection[str]) -> None:
    for number, pattern in enumerate(rule.actions):
        matches = compile_glob(pattern)
        if not any(matches(action) for action in actions):
            mend = f"{did_you_mean(pattern, actions)} Register others under 'actions:'."
            raise places.error((*here, "actions", number), f"unknown action {pattern!r}", mend)
    for number, pattern in enumerate(rule.resources):
        try:
            normal_glob(pattern)
        except ValueError as wrong:
            mend = "Write the glob as docs/policy.md shows resources."
            raise places.error((*here, "resources", number), str(wrong), mend) from None
    for number, selector in enumerate(rule.subjects):
        _raise_if(selector_problem(selector, SUBJECT_KINDS), places, (*here, "subjects", number))


def _check_words(words: Sequence[str], here: Path, places: Places) -> None:
    for number, word in enumerate(words):
        if not _WORD.fullmatch(word):
            raise places.error((*here, number), "blank at an end", "Remove the blank.")


def _check_approval(rule: PolicyRule, here: Path, places: Places, approvals: Collection[str]) -> None:
    if rule.approval is None:
        return
    if rule.effect is not Effect.REQUIRE_APPROVAL:
        raise places.error(
            (*here, "approval"),
            f"rule {rule.name!r} has the effect {rule.effect}, which asks nobody",
            "Remove 'approval', or set 'effect: require_approval'.",
        )
    if rule.approval not in approvals:
        mend = f"{did_you_mean(rule.approval, approvals)} Approval rules stand under 'approvals:'."
        raise places.error((*here, "approval"), f"there is no approval rule {rule.approval!r}", mend)


def _check_rollout(rule: PolicyRule, here: Path, places: Places, schema: AttributeSchema) -> None:
    if rule.rollout is None:
        return
    path = rule.rollout.by
    attribute = schema.find(path)
    place = (*here, "rollout", "by")
    if attribute is None:
        raise places.error(place, f"unknown attribute {path!r} in rule {rule.name!r}", schema.suggestion(path))
    if attribute.type not in _KEYS:
        mend = "Take one that is text or a whole number, such as 'run.flow'."
        raise places.error(place, f"{path} is of type {attribute.type}, and tells nothing apart", mend)


def _check_band(name: str, band: Band, places: Places, bands: Mapping[str, Band]) -> None:
    here: Path = ("policy", "bands", name, "priorities")
    low, high = band.priorities
    if low > high:
        raise places.error(here, "the first priority is above the second", "Swap them.")
    for other, held in bands.items():
        if other != name and low <= held.priorities[1] and held.priorities[0] <= high:
            raise places.error(here, f"the band {other!r} has some of these priorities", "Give each band its own.")


def _check_exception(exception: PolicyException, here: Path, places: Places, rules: Mapping[str, PolicyRule]) -> None:
    if not PRINCIPAL_NAME.fullmatch(exception.owner):
        mend = "Write the name of the person who answers for it, without 'user:'."
        raise places.error((*here, "owner"), f"{exception.owner!r} cannot be the name of a principal", mend)
    if not _WORD.fullmatch(exception.ticket):
        raise places.error((*here, "ticket"), "blank at an end", "Remove the blank.")
    rule = rules.get(exception.rule)
    if rule is None:
        raise places.error((*here, "rule"), f"there is no rule {exception.rule!r}", did_you_mean(exception.rule, rules))
    if not rule.restricts:
        raise places.error((*here, "rule"), f"rule {rule.name!r} allows: nobody needs an exception", "Remove it.")
    if rule.level is not Level.SOFT_MANDATORY:
        raise places.error(
            (*here, "rule"),
            f"rule {rule.name!r} is {rule.level}: only a soft-mandatory rule has exceptions",
            "Remove the exception, or set 'level: soft-mandatory' in the rule.",
        )


def _check_people(file: PolicyFile, places: Places, whole: PolicyFile, actions: Collection[str]) -> None:
    for name, rule in file.approvals.items():
        if name in WAITS:
            mend = "Call it otherwise: approval='suspend' on a flow says how it waits."
            raise places.error(("approvals", name), f"{name!r} says how to wait, and names no rule", mend)
        check_approval(rule, ("approvals", name), places, actions)
    spelled: dict[str, str] = {}
    for name in whole.principals:
        if (other := spelled.setdefault(name.casefold(), name)) != name and {name, other} & file.principals.keys():
            mend = "Keep one: who differs from another only in the case of letters counts as the same person."
            place = name if name in file.principals else other
            raise places.error(("principals", place), f"{name!r} and {other!r} differ only in case", mend)
    for name, principal in file.principals.items():
        if not PRINCIPAL_NAME.fullmatch(name):
            mend = "Use letters, digits and any of . _ @ + - in it, 128 at most, the first a letter or digit."
            raise places.error(("principals", name), f"{name!r} cannot be the name of a principal", mend)
        for number, role in enumerate(principal.roles):
            _raise_if(selector_problem(f"role:{role}", ("role",)), places, ("principals", name, "roles", number))
        for number, group in enumerate(principal.groups):
            _raise_if(selector_problem(f"group:{group}", ("group",)), places, ("principals", name, "groups", number))


def _extended(vocabulary: Vocabulary, source: Source) -> Vocabulary:
    """The vocabulary with the file's own words."""
    for number, action in enumerate(source.file.actions):
        try:
            vocabulary = vocabulary.extended(actions=[action])
        except VocabularyError as wrong:
            raise source.places.error(("actions", number), wrong.message, wrong.mend) from None
    for number, provider in enumerate(source.file.providers):
        try:
            vocabulary = vocabulary.extended(providers=[provider])
        except VocabularyError as wrong:
            raise source.places.error(("providers", number), wrong.message, wrong.mend) from None
    return vocabulary


def _raise_if(wrong: tuple[str, str] | None, places: Places, path: Path) -> None:
    if wrong is not None:
        raise places.error(path, *wrong)
