"""For a terminal: each finding with its place, its source line, what to do; a count at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from govflow.services.describe.differences import delta_lines, flow_diff_text, flow_lines
from govflow.services.describe.escape import plain, width
from govflow.services.describe.formats.summary import summary

if TYPE_CHECKING:
    from govflow.services.check_plans import CheckReport
    from govflow.services.findings import CheckFinding

DRIFT = frozenset({"GF101", "GF102", "GF103"})


def render(report: CheckReport) -> str:
    """The report as text."""
    drift = {change.name: change for change in report.drift}
    blocks = []
    for finding in report.findings:
        lines = [_headline(finding), *_excerpt(finding)]
        change = drift.get(finding.flow)
        if finding.code in DRIFT and change is not None:
            lines += [f"    {plain(line)}" for line in flow_lines(change)]
            lines += [f"      {plain(line)}" for line in delta_lines(change.deltas)]
        if finding.mend:
            lines.append(f"    mend: {plain(finding.mend)}")
        blocks.append("\n".join(lines))
    blocks += _changes(report)
    blocks.append(summary(report))
    return "\n\n".join(blocks) + "\n"


def place(finding: CheckFinding) -> str:
    """``file:line:column``, as far as it is known, else the flow; and the step."""
    where = finding.flow
    if finding.file is not None and finding.line is not None:
        where = f"{finding.file}:{finding.line}"
        if finding.column is not None:
            where += f":{finding.column}"
    return f"{where} {finding.step_id}" if finding.step_id else where


def _headline(finding: CheckFinding) -> str:
    return f"{plain(place(finding))}: {finding.level}[{finding.code} {finding.rule.name}] {plain(finding.message)}"


def _excerpt(finding: CheckFinding) -> list[str]:
    """The source line with the call underlined."""
    if finding.source is None or finding.line is None:
        return []
    number = str(finding.line)
    gutter = " " * len(number)
    # Tabs are shown as one blank, so that the mark stands below what it marks.
    text = plain(finding.source.rstrip())
    lines = [f"  {gutter} |", f"  {number} | {text}"]
    if finding.column is not None:
        start = min(finding.column - 1, len(finding.source))
        end = len(finding.source.rstrip())
        if finding.end_line == finding.line and finding.end_column is not None:
            end = min(end, finding.end_column - 1)
        before = width(plain(finding.source[:start]))
        marked = max(1, width(plain(finding.source[start:end])))
        lines.append(f"  {gutter} | {' ' * before}{'^' * marked}")
    return lines


def _changes(report: CheckReport) -> list[str]:
    """What changed since the base, where that is not what the findings of drift have shown."""
    if report.locked:
        return []
    told = {finding.flow for finding in report.findings if finding.code in DRIFT}
    shown = {flow_diff_text(change) for change in report.drift if change.name in told}
    changes = [flow_diff_text(change) for change in report.changes if change]
    return [change.rstrip("\n") for change in changes if change not in shown]
