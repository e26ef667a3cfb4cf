"""Why a request is decided as it is, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from govflow.approval import rule_from, who_may
from govflow.policy.analysis.trace import Outcome
from govflow.services.describe.escape import plain, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from govflow.policy.analysis.trace import Tried
    from govflow.services.explain_policy import Explanation

_MOST: Final = 40  # rules that are shown, unless all are asked for
_IN_WORDS: Final = frozenset({"stages", "escalation", "deny_threshold"})  # what a count of people does not say
_FAR: Final = frozenset({"actions", "resources"})


def explanation_text(explanation: Explanation, *, everything: bool) -> str:
    """The decision, the rules that were tried, exceptions, the default, and what would make it pass."""
    decision = explanation.trace.decision
    lines = [f"{decision.effect} by {_decider(explanation)}: {plain(decision.reason)}"]
    lines += _approval(explanation)
    if decision.obligations:
        lines.append(f"  obligations: {plain(', '.join(decision.obligations))}")
    lines += [f"  note: {plain(unknown)}" for unknown in explanation.unknown]
    lines += ["", *_rules(explanation, everything)]
    for name, rule, what in explanation.trace.exceptions:
        lines.append(f"  exception {plain(name)} from {plain(rule)}: {plain(what)}")
    lines.append(f"  default, if no rule matches: {explanation.document.policy.default_effect}")
    lines += _remedies(explanation)
    return "\n".join(lines) + "\n"


def _decider(explanation: Explanation) -> str:
    rule = explanation.trace.decision.rule
    held = next((tried.rule.rule for tried in explanation.trace.tried if tried.rule.name == rule), None)
    if held is None:
        return {"default": "default", "error": "an error"}.get(rule, plain(rule))
    return f"rule {plain(rule)} (priority {held.priority})"


def _approval(explanation: Explanation) -> Iterator[str]:
    decision = explanation.trace.decision
    if decision.approval is not None:
        asked = explanation.document.approvals.get(decision.approval, {})
        people = f"{asked.get('required')} of {', '.join(asked.get('approvers', ()))}"
        if asked.keys() & _IN_WORDS:
            people = who_may(rule_from(decision.approval, asked))
        yield f"  approval {plain(decision.approval)}: {plain(people)}"


def _rules(explanation: Explanation, everything: bool) -> list[str]:
    tried = explanation.trace.tried
    if explanation.trace.resource is None:
        return ["  The resource has no normal form: no rule was tried."]
    shown = tried if everything or len(tried) <= _MOST else [one for one in tried if one.field not in _FAR][:_MOST]
    lines = [f"rules, in the order in which they are considered ({explanation.document.policy.combining}):"]
    if shown:
        lines += table([["rule", "effect", "", "why"], *map(_row, shown)])
    if left := len(tried) - len(shown):
        lines.append(f"  and {left} more, which are for other actions or resources (--all shows them)")
    return lines


def _row(tried: Tried) -> list[str]:
    mark = {Outcome.ELSEWHERE: "-", Outcome.UNMET: "-"}.get(tried.outcome, str(tried.outcome))
    return [plain(tried.rule.name), str(tried.rule.rule.effect), mark, plain(tried.why)]


def _remedies(explanation: Explanation) -> list[str]:
    if explanation.trace.decision.effect == "allow":
        return []
    if not explanation.remedies:
        return ["", "what would make it pass: no small change is known."]
    lines = ["", "what would make it pass (each was tried):"]
    for remedy in explanation.remedies:
        changes = " and ".join(change.words for change in remedy.changes)
        lines.append(f"  {remedy.decision.effect} by {plain(remedy.decision.rule)}: {plain(changes)}")
    return lines
