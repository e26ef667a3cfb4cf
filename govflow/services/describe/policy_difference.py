"""How two policies differ, as text, as Markdown for a pull request, as JSON data."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from govflow.policy.analysis.compare import MOST_PROBES
from govflow.policy.request_form import form_of
from govflow.services.describe.escape import code, plain
from govflow.services.describe.formats.summary import number
from govflow.services.describe.policy_lint import request_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from govflow.policy.analysis.compare import Comparison, Difference, RuleChange
    from govflow.policy.model import Decision, Effect

_MARKS: Final = {"added": "+", "removed": "-", "changed": "~"}
_NO_PROOF: Final = "A change that was not found is not ruled out: both policies were asked about"
MARK: Final = "<!-- govflow policy diff -->"


def difference_text(found: Comparison) -> str:
    """Rules that changed, then requests that are decided otherwise."""
    lines = [f"{_MARKS[rule.kind]} {plain(_rule_words(rule))}" for rule in found.rules]
    lines += [f"~ {section} of the file" for section in found.sections]
    for effects, group in groupby(found.differences, key=lambda one: one.effects):
        lines += ["", f"{_effect_words(*effects)}:"]
        for one in group:
            lines.append(f"  {plain(_decided(one.before))} -> {plain(_decided(one.after))}")
            lines.append(f"    {request_line(one.request)}")
    return "\n".join([*lines, *([""] if lines else []), *_bound(found)]) + "\n"


def difference_markdown(found: Comparison) -> str:
    """The same for a pull request. The first line is a hidden mark by which a job finds its old comment."""
    state = "changes decisions" if found.changes_effect else "changes no effect that was found"
    lines = [MARK, f"### govflow policy diff: {state}", "", *(f"{line}  " for line in _bound(found)), ""]
    lines += [f"- {rule.kind}: {code(_rule_words(rule))}" for rule in found.rules]
    lines += [f"- changed: {code(section)} of the file" for section in found.sections]
    for effects, group in groupby(found.differences, key=lambda one: one.effects):
        lines += ["", f"**{_effect_words(*effects)}**", "", "| before | after | such as |", "| --- | --- | --- |"]
        for one in group:
            shown = code(request_line(one.request), cell=True, limit=400)
            row = (code(_decided(one.before), cell=True), code(_decided(one.after), cell=True), shown)
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def difference_json(found: Comparison) -> dict[str, Any]:
    """JSON values."""
    return {
        "version": 1,
        "changes_effect": found.changes_effect,
        "proven_same": bool(found.proven),
        "why": found.proven,
        "asked": found.asked,
        "rules": [{"name": rule.name, "kind": rule.kind, "fields": list(rule.fields)} for rule in found.rules],
        "sections": list(found.sections),
        "differences": [_difference_json(one) for one in found.differences],
    }


def _difference_json(one: Difference) -> dict[str, Any]:
    return {
        "request": form_of(one.request),
        "before": _decision_json(one.before),
        "after": _decision_json(one.after),
    }


def _decision_json(decision: Decision) -> dict[str, Any]:
    return {
        "effect": decision.effect,
        "rule": decision.rule,
        "approval": decision.approval,
        "obligations": list(decision.obligations),
    }


def _rule_words(rule: RuleChange) -> str:
    return f"{rule.name}: {', '.join(rule.fields)}" if rule.fields else rule.name


def _effect_words(before: Effect, after: Effect) -> str:
    if before is after:
        return f"{after} as before, for another reason"
    return f"{before} before, {after} now"


def _decided(decision: Decision) -> str:
    more = [f"approval {decision.approval}"] if decision.approval else []
    more += [f"obligations {', '.join(decision.obligations)}"] if decision.obligations else []
    return f"{decision.rule} ({'; '.join(more)})" if more else decision.rule


def _bound(found: Comparison) -> Iterator[str]:
    if found.proven:
        yield f"No decision differs: {found.proven}."
        return
    effects = sum(one.before.effect is not one.after.effect for one in found.differences)
    yield f"{number(effects, 'change')} of effect, {number(len(found.differences) - effects, 'other')} found."
    yield f"{_NO_PROOF} {number(found.asked, 'request')} around their rules."
    if found.asked >= MOST_PROBES:
        yield "That is the most that are asked; those around what differs came first, and not every rule had its turn."
