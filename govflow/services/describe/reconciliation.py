"""What reconciling found, in words."""

from __future__ import annotations

from govflow.services.describe.escape import plain
from govflow.services.findings import Level
from govflow.services.reconcile_runs import Reconciliation


def reconciliation_text(found: Reconciliation) -> str:
    """A paragraph for each run with findings, and one line that counts."""
    lines: list[str] = []
    for label in dict.fromkeys((finding.flow, finding.key) for finding in found.findings):
        lines.append(f"{plain(label[0])} ({plain(label[1])}):")
        for finding in found.findings:
            if (finding.flow, finding.key) == label:
                lines.append(f"  {finding.level} {finding.code} {finding.rule.name}: {plain(finding.message)}")
                lines.append(f"    more: {plain(finding.mend)}")
        lines.append("")
    errors = sum(finding.level is Level.ERROR for finding in found.findings)
    warnings = sum(finding.level is Level.WARNING for finding in found.findings)
    since = found.since.isoformat(timespec="minutes")
    lines.append(f"{found.runs} run(s) since {since}: {errors} error(s), {warnings} warning(s), {found.new} new")
    if found.revoked:
        lines.append(f"withdrawn: {', '.join(map(plain, found.revoked))}")
    return "\n".join(lines)
