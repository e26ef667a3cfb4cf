"""What lint found in a policy, for a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from govflow.policy.request_form import form_of
from govflow.services.describe.escape import plain
from govflow.services.describe.formats.summary import number
from govflow.services.findings import Level

if TYPE_CHECKING:
    from govflow.policy.analysis.lint import LintFinding
    from govflow.policy.model import PolicyRequest
    from govflow.services.findings import CheckFinding
    from govflow.services.lint_policy import PolicyLint


def lint_text(report: PolicyLint) -> str:
    """Findings with the requests that show them, notes in one line each, and a count."""
    blocks = []
    for finding, said in zip(report.findings, report.found.findings, strict=True):
        blocks.append("\n".join(_lines(finding, said)))
    counts = [number(sum(one.level is level for one in report.findings), str(level)) for level in Level]
    last = f"{number(report.found.rules, 'rule')} of {plain(report.file)}: {', '.join(counts)}"
    if not report.found.complete:
        last += "\nThere are too many rules to compare every pair: some that meet may not be told (GF703, GF704)."
    return "\n\n".join([*blocks, last]) + "\n"


def request_line(request: PolicyRequest) -> str:
    """A request as one line that ``govflow policy explain --request -`` reads."""
    return plain(json.dumps(form_of(request), ensure_ascii=False, default=str))


def _lines(finding: CheckFinding, said: LintFinding) -> list[str]:
    place = f"{finding.file}:{finding.line}" if finding.line else str(finding.file)
    lines = [f"{plain(place)}: {finding.level}[{finding.code} {finding.rule.name}] {plain(finding.message)}"]
    if finding.level is Level.NOTE:
        return lines
    for shown in said.shown:
        says = ", ".join(f"{rule} says {effect}" for rule, effect in shown.says)
        lines += [f"    shown by: {request_line(shown.request)}", f"      {plain(says)}"]
    return [*lines, f"    mend: {plain(finding.mend)}"]
