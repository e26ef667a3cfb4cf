"""What changed between two plans, with tiers and verdicts before and after."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from govflow.ir.changes import PlanDiff, step_text
from govflow.services.describe.escape import code, plain, prose
from govflow.telemetry import redact_named, redact_text

if TYPE_CHECKING:
    from govflow.services.diff_plans import Ask, Comparison, FlowDiff, StepDelta

_MOST: Final = 400  # lines of one difference in a pull request's comment


def diff_text(name: str, diff: PlanDiff) -> str:
    """For a terminal: ``+`` added, ``-`` removed, ``~`` changed or rewired, ``>`` moved."""
    if not diff:
        return f"{plain(name)}: unchanged\n"
    head = f"{plain(name)}: {diff.approved_hash} -> {diff.loaded_hash}"
    return "\n".join([head, *(f"  {plain(line)}" for line in diff.masked(redact_named).lines())]) + "\n"


def diff_markdown(name: str, diff: PlanDiff) -> str:
    """For a pull request: a ``diff`` block, which colours added and removed steps."""
    if not diff:
        return f"{code(name)}: unchanged\n"
    return "\n".join([f"#### {code(name)}", "", *_block(diff.masked(redact_named).lines())]) + "\n"


def comparison_text(found: Comparison) -> str:
    """Everything that changed, for a terminal."""
    parts = [f"{plain(one.flow)}: not compared: {plain(one.message)}\n" for one in found.unread]
    return "\n".join([*parts, *map(flow_diff_text, found.changed)]) or "no changes\n"


def comparison_markdown(found: Comparison) -> str:
    """Everything that changed, for a pull request."""
    parts = [f"- {code(one.flow)} was not compared: {prose(one.message)}\n" for one in found.unread]
    return "\n".join([*parts, *map(flow_diff_markdown, found.changed)]) or "no changes\n"


def comparison_json(found: Comparison) -> dict[str, Any]:
    """Every flow that was compared, as JSON data."""
    return {
        "version": 1,
        "changed": bool(found.changed),
        "needs_approval": any(change.needs_approval for change in found.changed),
        "flows": [change.to_dict() for change in found.flows],
        "unread": [one.to_dict() for one in found.unread],
    }


def flow_diff_text(change: FlowDiff) -> str:
    """One flow for a terminal: what changed, then what that means."""
    lines = [f"{plain(change.name)}: {change.kind}{_totals(change)}"]
    if change.was is not None:
        lines.append(f"  was {plain(change.was)}")
    lines += [f"  {plain(line)}" for line in flow_lines(change)]
    lines += [f"    {plain(line)}" for line in delta_lines(change.deltas)]
    return "\n".join(lines) + "\n"


def flow_diff_markdown(change: FlowDiff) -> str:
    """One flow for a pull request."""
    lines = [f"#### {code(change.name)}: {change.kind}{_totals(change)}", ""]
    if change.was is not None:
        lines += [f"It was {code(change.was)}.", ""]
    if flow_lines(change):
        lines += _block(flow_lines(change))
    meaning = delta_lines(change.deltas)
    if meaning:
        lines += ["", *(f"- {prose(line)}" for line in meaning)]
    return "\n".join(lines) + "\n"


def flow_lines(change: FlowDiff) -> list[str]:
    """The difference, line by line; a flow that is on one side only is all of its steps."""
    if change.diff is not None:
        return [redact_text(line) for line in change.diff.masked(redact_named).lines()]
    mark, plan = ("+", change.after) if change.after is not None else ("-", change.before)
    steps = plan.steps if plan is not None else ()
    return [f"{mark} {redact_text(step_text(step))}" for step in steps]


def delta_lines(deltas: Iterable[StepDelta]) -> list[str]:
    """What the changes mean, for steps that are new or that are judged otherwise than before, and are not harmless."""
    lines = []
    for delta in deltas:
        was, now = delta.tier
        if now is None or (delta.tier[0] == now and delta.verdict[0] == delta.verdict[1]):
            continue
        if now < 2 and delta.verdict[1] == "pass" and (was is None or was < now):
            continue
        tier = f"tier {now}" if was is None else f"tier {was} -> {now}"
        asks = f"; needs {_asked(delta.asks)}" if delta.asks is not None else ""
        lines.append(f"{delta.step_id}: {tier} ({delta.why}); {delta.verdict[1]} by policy rule {delta.rule}{asks}")
    return lines


def _asked(ask: Ask) -> str:
    people = f" ({', '.join(ask.people)})" if ask.people else ""
    return f"{ask.words}{people}, approval rule {ask.rule}"


def _totals(change: FlowDiff) -> str:
    parts = []
    for name, (was, now) in (("tier", change.tier), ("verdict", change.verdict)):
        shown = str(now if was is None else was if now is None or was == now else f"{was} -> {now}")
        parts.append(f"{name} {shown}")
    return f" ({', '.join(parts)})"


def _block(lines: Sequence[str]) -> list[str]:
    """A ``diff`` block that nothing in its lines can close. GitHub colours ``!``; it has no colour for ``~``."""
    shown = [plain(line) for line in lines[:_MOST]]
    if len(lines) > _MOST:
        shown.append(f"… {len(lines) - _MOST} more")
    longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}diff", *(f"! {s[2:]}" if s.startswith(("~ ", "> ")) else s for s in shown), fence]
