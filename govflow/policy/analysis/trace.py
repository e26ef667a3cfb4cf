"""Why a request is decided as it is: every rule in the order in which it is considered, and what kept it from matching.

Values of the request are never repeated, only their types and where they stand: an explanation is pasted into tickets.
Operands stand in the policy, which whoever explains has read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from govflow.policy.analysis.formulas import Answer, Atom, Formula
from govflow.policy.analysis.views import PolicyView, RuleView
from govflow.policy.attributes import EvaluationError, lookup
from govflow.policy.cel import CEL
from govflow.policy.compiled import exemptions_of
from govflow.policy.engine import DEFAULT, Engine
from govflow.policy.exemptions import Exemptions
from govflow.policy.globs import NoNormalForm, compile_globs, normal_resource
from govflow.policy.holes import HOLE, every_match, normal_with_holes, some_match
from govflow.policy.model import Decision, PolicyRequest
from govflow.policy.values import HAS_TYPE, kind_of


class Outcome(StrEnum):
    """What became of a rule."""

    DECIDES = "decides"
    MATCHES = "matches"  # and another one decides
    NOT_ASKED = "not asked"  # it would match, and the decision was made before it
    SHADOW = "shadow"  # it matches and does not decide; so for the next two
    ADVISORY = "advisory"
    EXEMPT = "exempt"
    ERROR = "error"
    ELSEWHERE = "elsewhere"  # it is for other actions, resources or subjects
    UNMET = "unmet"  # a condition is not met


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule, and why."""

    rule: RuleView
    outcome: Outcome
    why: str
    field: str = ""  # what did not match: ``actions``, ``resources``, ``subjects``, or an attribute


@dataclass(frozen=True, slots=True)
class Trace:
    """The decision about one request, and how it came about."""

    request: PolicyRequest
    resource: str | None  # in normal form; None: it has none
    decision: Decision
    tried: tuple[Tried, ...]
    exceptions: tuple[tuple[str, str, str], ...]  # from a rule that matched: exception, rule, what became of it


_NOTES: Final = {
    "shadow": (Outcome.SHADOW, "it matches; in shadow it is reported and never decides"),
    "advisory": (Outcome.ADVISORY, "it matches; advice is reported and never decides"),
    "exempt": (Outcome.EXEMPT, "it matches, and an exception is honoured"),
}


def trace(view: PolicyView, engine: Engine, request: PolicyRequest) -> Trace:
    """Explain one decision.

    Args:
        view: the policy.
        engine: the engine of the same document.
        request: what is asked.
    """
    decision = engine.decide(request)
    try:
        holes = HOLE in request.resource
        resource = normal_with_holes(request.resource) if holes else normal_resource(request.resource)
    except NoNormalForm:
        return Trace(request, None, decision, (), ())
    notes = dict(_note(name) for name in engine.matching(request))
    tried = tuple(_tried(rule, notes, decision, request, resource) for rule in view.rules)
    shown = resource if not holes else request.resource
    exemptions = exemptions_of(view.document)
    return Trace(request, shown, decision, tried, tuple(_exceptions(exemptions, notes, request, resource, holes)))


def answer_of(formula: Formula, request: PolicyRequest, resource: str) -> Answer:
    """What a group, or one condition, says of a request."""
    if isinstance(formula, Atom):
        return formula.of(request, resource)
    answers = [answer_of(part, request, resource) for part in formula.parts]
    if formula.kind == "not":
        return None if answers[0] is None else not answers[0]
    settles = formula.kind == "any"  # the answer that settles the group
    if settles in answers:
        return settles
    return None if None in answers else not settles


def unmet(formula: Formula, request: PolicyRequest, resource: str, wanted: Answer = False) -> Atom | None:
    """The first single condition that makes the group come out as it does; ``wanted``: not met, or no answer."""
    if isinstance(formula, Atom):
        return formula if formula.of(request, resource) is wanted else None
    if formula.kind == "not":
        turned = None if wanted is None else not wanted
        return unmet(formula.parts[0], request, resource, turned)
    found = (unmet(part, request, resource, wanted) for part in formula.parts)
    return next((atom for atom in found if atom is not None), None)


def condition_words(atom: Atom) -> str:
    """A condition as the file has it."""
    if atom.operator == CEL:
        return atom.path
    operand = json.dumps(atom.operand, ensure_ascii=False)
    return f"{atom.path}: {{{atom.operator}: {operand}}}"


def _note(name: str) -> tuple[str, str]:
    note, mark, rule = name.rpartition(":")
    return (rule, note) if mark else (name, "")


def _tried(
    rule: RuleView, notes: Mapping[str, str], decision: Decision, request: PolicyRequest, resource: str
) -> Tried:
    note = notes.get(rule.name)
    if note is None:
        return _missed(rule, request, resource)
    broken = unmet(rule.formula, request, resource, None) if note.endswith("error") else None
    field = "" if broken is None else broken.path
    if (f"{note}:{rule.name}" if note else rule.name) not in decision.rules:
        return Tried(rule, Outcome.NOT_ASKED, f"it would match; {decision.rule!r} decides before it", field)
    if note.endswith("error"):
        words = "" if broken is None else f"{condition_words(broken)}: {_value_words(broken, request, resource)}"
        return Tried(rule, Outcome.ERROR, f"it has no answer: {words or decision.reason}", field)
    if note:
        outcome, why = _NOTES[note]
        if note == "shadow" and rule.note != "shadow":
            why = "it matches; this request is outside the share for which it is rolled out"
        return Tried(rule, outcome, why)
    if rule.name == decision.rule:
        return Tried(rule, Outcome.DECIDES, "it matches, and decides")
    return Tried(rule, Outcome.MATCHES, f"it matches; {decision.rule!r} decides")


def _missed(rule: RuleView, request: PolicyRequest, resource: str) -> Tried:
    """The first thing that does not match."""
    actions = compile_globs(rule.actions)
    if actions is not None and not actions(request.action):
        return _elsewhere(rule, f"the action is none of {_listed(rule.actions)}", "actions")
    if HOLE in request.resource:
        resources = some_match(rule.resources) if rule.rule.restricts else every_match(rule.resources)
    else:
        resources = compile_globs(rule.resources)
    if resources is not None and not resources(resource):
        return _elsewhere(rule, f"the resource is none of {_listed(rule.resources)}", "resources")
    if rule.subjects is not None and rule.subjects.isdisjoint(request.selectors):
        return _elsewhere(rule, f"the subject is none of {_listed(sorted(rule.subjects))}", "subjects")
    atom = unmet(rule.formula, request, resource)
    if atom is None:  # pragma: no cover - then it would have matched
        return Tried(rule, Outcome.UNMET, "it does not match")
    inside = "" if atom.of(request, resource) is False else "not "
    why = f"{inside}{condition_words(atom)} is not met: {_value_words(atom, request, resource)}"
    return Tried(rule, Outcome.UNMET, why, atom.path)


def _elsewhere(rule: RuleView, why: str, field: str) -> Tried:
    return Tried(rule, Outcome.ELSEWHERE, why, field)


def _value_words(atom: Atom, request: PolicyRequest, resource: str) -> str:
    """Of which type a value is, and never which value."""
    if atom.operator == CEL:
        return "an expression of its own"
    try:
        value: Any = lookup(request, atom.path, resource)
    except EvaluationError as problem:
        return str(problem)
    except Exception as problem:  # noqa: BLE001 - its text may quote a value
        return f"it cannot be read: {type(problem).__name__}"
    if value is None:
        counts = "met" if atom.restricts else "not met"
        return f"it is missing, which counts as {counts} here"
    if not HAS_TYPE[atom.attribute.type](value):
        return f"it is {kind_of(value)}, not of its type {atom.attribute.type}"
    return f"it is {kind_of(value)}"


def _exceptions(
    exemptions: Mapping[str, Exemptions],
    notes: Mapping[str, str],
    request: PolicyRequest,
    resource: str,
    holes: bool,
) -> list[tuple[str, str, str]]:
    told = []
    for rule, entries in exemptions.items():
        if notes.get(rule) not in {"", "exempt"}:
            continue
        ruling = entries.rule_on(request, resource, holes=holes)
        for entry in entries.entries:
            if entry.name == ruling.honoured:
                what = "honoured"
            elif not entry.fits(request, resource, holes=holes):
                what = "not for this request"
            else:
                refused = next((text for text in ruling.refused if repr(entry.name) in text), "")
                why = refused.partition(": ")[2].rstrip(".")
                what = f"refused: {why}" if why else "not needed: another one is honoured"
            told.append((entry.name, rule, what))
    return told


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


__all__ = ["DEFAULT", "Outcome", "Trace", "Tried", "answer_of", "condition_words", "trace", "unmet"]
