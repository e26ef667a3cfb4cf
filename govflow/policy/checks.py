"""What needs the whole policy file to be judged: paths, operators, globs, selectors, names of approval rules."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from govflow.errors import VocabularyError
from govflow.ir.vocabulary import Vocabulary
from govflow.policy.attributes import AttributeSchema, declaration_problem
from govflow.policy.conditions import ConditionProblem, Predicate, compile_condition
from govflow.policy.globs import compile_glob, normal_glob
from govflow.policy.model import Effect
from govflow.policy.places import Path, Places, did_you_mean
from govflow.policy.rules import PolicyRule
from govflow.policy.selectors import APPROVER_KINDS, PRINCIPAL_NAME, SUBJECT_KINDS, selector_problem
from govflow.policy.shape import PolicyFile

_WORD: Final = re.compile(r"\S(.*\S)?")


def check_file(file: PolicyFile, places: Places, vocabulary: Vocabulary) -> AttributeSchema:
    """Refuse what is wrong; the attribute schema of a file where nothing is.

    Raises:
        PolicyError: the first thing that is wrong.
    """
    for path in file.attributes:
        _raise_if(declaration_problem(path, file.attributes), places, ("attributes", path))
    schema = AttributeSchema(file.attributes)
    _check_people(file, places)
    actions = _vocabulary(file, places, vocabulary).actions
    for index, rule in enumerate(file.policy.rules):
        here: Path = ("policy", "rules", index)
        _check_targets(rule, here, places, actions)
        _check_approval(rule, here, places, file.approvals)
        compile_rule(rule, schema, places, here)
    return schema


def compile_rule(rule: PolicyRule, schema: AttributeSchema, places: Places, here: Path) -> tuple[Predicate, ...]:
    """The conditions of a rule as functions, in the order of path and operator.

    Raises:
        PolicyError: a path is unknown, or an operator or operand does not fit it.
    """
    predicates = []
    for path, tests in sorted(rule.conditions.items()):
        attribute = schema.find(path)
        if attribute is None:
            raise places.error(
                (*here, "conditions", path),
                f"unknown attribute {path!r} in rule {rule.name!r}",
                schema.suggestion(path),
            )
        if not tests:
            raise places.error((*here, "conditions", path), "a condition without an operator", "Write one.")
        for name, operand in sorted(tests.items()):
            try:
                predicates.append(compile_condition(attribute, name, operand, rule.effect))
            except ConditionProblem as wrong:
                raise places.error((*here, "conditions", path, name), wrong.problem, wrong.mend) from None
    return tuple(predicates)


def _check_targets(rule: PolicyRule, here: Path, places: Places, actions: Collection[str]) -> None:
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
    for number, obligation in enumerate(rule.obligations):
        if not _WORD.fullmatch(obligation):
            raise places.error((*here, "obligations", number), "blank at an end", "Remove the blank.")


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


def _check_people(file: PolicyFile, places: Places) -> None:
    for name, rule in file.approvals.items():
        for number, selector in enumerate(rule.approvers):
            _raise_if(selector_problem(selector, APPROVER_KINDS), places, ("approvals", name, "approvers", number))
    spelled: dict[str, str] = {}
    for name, principal in file.principals.items():
        if not PRINCIPAL_NAME.fullmatch(name):
            mend = "Use letters, digits and any of . _ @ + - in it, 128 at most, the first a letter or digit."
            raise places.error(("principals", name), f"{name!r} cannot be the name of a principal", mend)
        if (other := spelled.setdefault(name.casefold(), name)) != name:
            mend = "Keep one: who differs from another only in the case of letters counts as the same person."
            raise places.error(("principals", name), f"{name!r} and {other!r} differ only in case", mend)
        for number, role in enumerate(principal.roles):
            _raise_if(selector_problem(f"role:{role}", ("role",)), places, ("principals", name, "roles", number))


def _vocabulary(file: PolicyFile, places: Places, vocabulary: Vocabulary) -> Vocabulary:
    """The vocabulary with the file's own words."""
    for number, action in enumerate(file.actions):
        try:
            vocabulary = vocabulary.extended(actions=[action])
        except VocabularyError as wrong:
            raise places.error(("actions", number), wrong.message, wrong.mend) from None
    for number, provider in enumerate(file.providers):
        try:
            vocabulary = vocabulary.extended(providers=[provider])
        except VocabularyError as wrong:
            raise places.error(("providers", number), wrong.message, wrong.mend) from None
    return vocabulary


def _raise_if(wrong: tuple[str, str] | None, places: Places, path: Path) -> None:
    if wrong is not None:
        raise places.error(path, *wrong)
