"""For a pull request: one line that says it all, a table of findings, the differences folded, the next commands.

The first line is a hidden mark: a CI job looks for it to change its old comment and not write another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from govflow.services.describe.differences import flow_diff_markdown
from govflow.services.describe.escape import code, plain, prose
from govflow.services.describe.formats.summary import next_commands, number, summary
from govflow.services.describe.formats.terminal import place
from govflow.services.findings import Level

if TYPE_CHECKING:
    from govflow.services.check_plans import CheckReport
    from govflow.services.diff_plans import FlowDiff

MARK: Final = "<!-- govflow check -->"
_MOST: Final = 100  # findings in the table
_MOST_ASKED: Final = 20
_LONGEST: Final = 60_000  # characters; a comment on GitHub holds 65,536
_SIGNS: Final = {"error": "❌ error", "warning": "⚠️ warning", "note": "note"}


def render(report: CheckReport) -> str:
    """The report as Markdown."""
    lines = [MARK, f"### govflow check: {_state(report)}", "", prose(summary(report))]
    lines += _table(report)
    lines += _asks(report)
    text = "\n".join(lines)
    left_out = 0
    for change in _changes(report):
        block = "\n".join(_folded(change))
        if len(text) + len(block) > _LONGEST:
            left_out += 1
        else:
            text += "\n" + block
    if left_out:
        text += f"\n\n{number(left_out, 'more changed flow')}: too long for a comment."
    return text + "\n" + "\n".join(_next(report)) + "\n"


def _state(report: CheckReport) -> str:
    if not report.clean:
        return "not clean"
    return "clean, and people have to approve it" if report.needs_approval else "clean"


def _table(report: CheckReport) -> list[str]:
    if not report.findings:
        return []
    lines = ["", "| | rule | where | finding | mend |", "| --- | --- | --- | --- | --- |"]
    room, shown = _LONGEST // 2, 0
    order = list(Level)
    # What is cut off must not be what fails the check.
    worst_first = sorted(report.findings, key=lambda finding: order.index(finding.level))
    for finding in worst_first[:_MOST]:
        row = (
            f"| {_SIGNS[str(finding.level)]} | {finding.code} {finding.rule.name} "
            f"| {code(place(finding), cell=True, limit=200)} "
            f"| {prose(finding.message, 400)} | {prose(finding.mend, 400) or '-'} |"
        )
        room -= len(row)
        if room < 0:
            break
        lines.append(row)
        shown += 1
    if shown < len(report.findings):
        lines += ["", f"{len(report.findings) - shown} more findings are not shown."]
    return lines


def _asks(report: CheckReport) -> list[str]:
    """Who would have to approve what the change does."""
    asked = [delta for change in report.changes for delta in change.deltas if delta.asks is not None]
    if not asked:
        return []
    lines = ["", "**Who would have to approve:**", ""]
    for delta in asked[:_MOST_ASKED]:
        assert delta.asks is not None
        people = f" ({', '.join(delta.asks.people)})" if delta.asks.people else ""
        words = prose(delta.asks.words + people, 200)
        lines.append(f"- {code(delta.step_id, limit=100)}, tier {delta.tier[1]}: {words}")
    if len(asked) > _MOST_ASKED:
        lines.append(f"- and for {len(asked) - _MOST_ASKED} more steps")
    return lines


def _changes(report: CheckReport) -> list[FlowDiff]:
    return [change for change in report.changes if change]


def _folded(change: FlowDiff) -> list[str]:
    # Markdown is not read inside the summary of a <details>: its text is escaped as HTML alone.
    name = plain(change.name, 200).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    name = name.replace("@", "@\u200b")
    return ["", f"<details><summary>{change.kind}: {name}</summary>", "", flow_diff_markdown(change), "</details>"]


def _next(report: CheckReport) -> list[str]:
    commands = list(next_commands(report))
    if not commands:
        return []
    return ["", "**Next:**", "", *(f"- {code(command)}: {prose(why)}" for command, why in commands)]
