"""For GitLab: a Code Quality report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from govflow.services.describe.escape import plain

if TYPE_CHECKING:
    from govflow.services.check_plans import CheckReport
    from govflow.services.findings import CheckFinding

_SEVERITIES: Final = {"error": "major", "warning": "minor", "note": "info"}


def render(report: CheckReport) -> str:
    """A JSON array with one object a finding."""
    return json.dumps([_issue(report, finding) for finding in report.findings], indent=2) + "\n"


def _issue(report: CheckReport, finding: CheckFinding) -> dict[str, Any]:
    step = f"{finding.step_id}: " if finding.step_id else ""
    return {
        "description": plain(f"{step}{finding.message}"),
        "check_name": f"{finding.code} {finding.rule.name}",
        "fingerprint": finding.fingerprint,
        "severity": _SEVERITIES[str(finding.level)],
        "location": {
            "path": plain(report.path(finding.file or finding.flow.rpartition(":")[0] or finding.flow)),
            "lines": {"begin": finding.line or 1},
        },
    }
