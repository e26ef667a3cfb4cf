"""The report of a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from govflow.services.describe.differences import delta_lines, flow_diff_markdown, flow_lines
from govflow.services.describe.escape import code, plain, prose

if TYPE_CHECKING:
    from govflow.services.check_plans import CheckReport
    from govflow.services.findings import CheckFinding

_DRIFT = frozenset({"GF101", "GF102", "GF103"})


def check_text(report: CheckReport) -> str:
    """For a terminal: each finding with its place, the difference below the drift, the way to mend it."""
    changes = {change.name: change for change in report.changes}
    lines: list[str] = []
    for finding in report.findings:
        lines.append(_headline(finding))
        change = changes.get(finding.flow)
        if finding.code in _DRIFT and change is not None:
            lines += [f"    {plain(line)}" for line in flow_lines(change)]
            lines += [f"      {plain(line)}" for line in delta_lines(change.deltas)]
        if finding.mend:
            lines.append(f"    mend: {plain(finding.mend)}")
    if lines:
        lines.append("")
    lines.append(summary(report))
    return "\n".join(lines) + "\n"


def check_markdown(report: CheckReport) -> str:
    """For a pull request: a table of findings, and each difference in a block that opens."""
    lines = [f"### govflow check: {'clean' if report.clean else 'not clean'}", "", prose(summary(report))]
    if report.findings:
        lines += ["", "| | rule | where | finding | mend |", "| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {finding.level} | {finding.code} {finding.rule.name} | {code(_where(finding), cell=True)} "
            f"| {prose(finding.message)} | {prose(finding.mend) or '-'} |"
            for finding in report.findings
        ]
    for change in report.changes:
        if change:
            lines += ["", "<details><summary>what changed</summary>", "", flow_diff_markdown(change), "</details>"]
    return "\n".join(lines) + "\n"


def summary(report: CheckReport) -> str:
    """One line."""
    from govflow.services.findings import Level

    flows = len(report.flows)
    errors, warnings = report.count(Level.ERROR), report.count(Level.WARNING)
    counted = f"{flows} flow{'' if flows == 1 else 's'} checked"
    return f"{counted}: {errors} error{'' if errors == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}"


def _headline(finding: CheckFinding) -> str:
    return f"{plain(_where(finding))}: {finding.level}[{finding.code} {finding.rule.name}] {plain(finding.message)}"


def _where(finding: CheckFinding) -> str:
    place = finding.flow
    if finding.file is not None and finding.line is not None:
        place = f"{finding.file}:{finding.line}"
    return f"{place} {finding.step_id}" if finding.step_id else place
