"""For GitHub Actions: workflow commands, which become annotations in the changed files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from govflow.services.describe.escape import plain
from govflow.services.describe.formats.summary import summary

if TYPE_CHECKING:
    from govflow.services.check_plans import CheckReport
    from govflow.services.findings import CheckFinding

_COMMANDS: Final = {"error": "error", "warning": "warning", "note": "notice"}


def render(report: CheckReport) -> str:
    """One command a finding, then the summary as a line of the log."""
    return "\n".join([*(_command(report, finding) for finding in report.findings), _line(summary(report))]) + "\n"


def _command(report: CheckReport, finding: CheckFinding) -> str:
    given: dict[str, object] = {}
    if finding.file is not None:
        given["file"] = report.path(finding.file)
    if finding.line is not None:
        given["line"] = finding.line
        given["endLine"] = finding.end_line or finding.line
        # The runner takes columns only where a finding stands on one line.
        if finding.column is not None and finding.end_line == finding.line:
            given |= {"col": finding.column, "endColumn": finding.end_column}
    given["title"] = f"{finding.code} {finding.rule.name}"
    properties = ",".join(f"{name}={_property(plain(value))}" for name, value in given.items())
    step = f"{finding.step_id}: " if finding.step_id else ""
    text = "\n".join(plain(part) for part in (f"{step}{finding.message}", finding.mend) if part)
    return f"::{_COMMANDS[str(finding.level)]} {properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _line(text: str) -> str:
    """A line of the log that is no command."""
    return plain(text).replace("::", ": :").replace("##[", "## [")
