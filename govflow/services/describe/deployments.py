"""The audit of deployments in words."""

from __future__ import annotations

from govflow.services.audit_deployments import DeploymentAudit
from govflow.services.describe.escape import plain
from govflow.services.findings import Level


def deployments_text(audit: DeploymentAudit) -> str:
    """A paragraph for each deployment with findings, and one line that counts."""
    lines: list[str] = []
    for label in dict.fromkeys(finding.flow for finding in audit.findings):
        lines.append(f"{plain(label)}:")
        for finding in audit.findings:
            if finding.flow == label:
                lines.append(f"  {finding.level} {finding.code} {finding.rule.name}: {plain(finding.message)}")
                lines += [f"    mend: {plain(finding.mend)}"] if finding.mend else []
        lines.append("")
    errors = sum(finding.level is Level.ERROR for finding in audit.findings)
    warnings = sum(finding.level is Level.WARNING for finding in audit.findings)
    lines.append(f"{len(audit.deployments)} deployment(s): {errors} error(s), {warnings} warning(s)")
    return "\n".join(lines)
