"""For code scanning: SARIF 2.1.0, within what GitHub takes.

A result is known again by ``ruleId``, path and ``partialFingerprints``: a moved line opens no new alert. GitHub keeps
5,000 results of a run, the worst first; they are written in that order.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from govflow import __version__
from govflow.services.describe.escape import plain
from govflow.services.findings import RULES, Level, Rule
from govflow.services.rule_pages import RulePage, rule_page

if TYPE_CHECKING:
    from govflow.services.check_plans import CheckReport
    from govflow.services.findings import CheckFinding

MOST_RESULTS: Final = 5_000
_ROOT: Final = "%SRCROOT%"
_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(report: CheckReport) -> str:
    """The report as a SARIF log with one run."""
    codes = list(RULES)
    order = list(Level)
    worst_first = sorted(report.findings, key=lambda finding: order.index(finding.level))
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "govflow",
                "fullName": report.command,
                "version": __version__,
                "semanticVersion": __version__,
                "informationUri": f"pkg:pypi/govflow@{__version__}",  # the package: there is no page to lead to
                "rules": [_rule(rule) for rule in RULES.values()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The top of the repository that was checked."}}},
        "automationDetails": {"id": f"{report.command.replace(' ', '/')}/"},
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(report, finding, codes) for finding in worst_first[:MOST_RESULTS]],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    page = rule_page(rule.code)
    return {
        "id": rule.code,
        "name": _pascal(rule.name),
        "shortDescription": {"text": rule.means},
        "fullDescription": {"text": page.first_paragraph("Why")},
        "help": {"text": _plain_page(page), "markdown": page.markdown},
        "defaultConfiguration": {"level": str(rule.level)},
        "properties": {
            "precision": "high",
            "problem.severity": "recommendation" if rule.level is Level.NOTE else str(rule.level),
            "tags": ["governance", "prefect"],
        },
    }


def _result(report: CheckReport, finding: CheckFinding, codes: list[str]) -> dict[str, Any]:
    step = f"{finding.step_id}: " if finding.step_id else ""
    text = plain(f"{step}{finding.message}")
    path = report.path(finding.file or finding.flow.rpartition(":")[0] or finding.flow)
    place: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(path.encode("utf-8", "surrogateescape")), "uriBaseId": _ROOT},
            "region": _region(finding),
        },
        "logicalLocations": [{"fullyQualifiedName": plain(finding.step_id or finding.flow)}],
    }
    return {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": str(finding.level),
        # Braces begin a placeholder in a SARIF message, brackets a link.
        "message": {"text": _message(f"{text} {plain(finding.mend)}".strip())},
        "locations": [place],
        "partialFingerprints": {"govflow/v1": finding.fingerprint},
    }


def _region(finding: CheckFinding) -> dict[str, int]:
    region = {"startLine": finding.line or 1}
    if finding.line is not None and finding.column is not None:
        region["startColumn"] = finding.column
        if finding.end_line is not None and finding.end_column is not None:
            region |= {"endLine": finding.end_line, "endColumn": finding.end_column}
    return region


def _message(text: str) -> str:
    escaped = text.replace("{", "{{").replace("}", "}}")
    escaped = escaped.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return escaped if escaped.endswith((".", "!", "?")) else f"{escaped}."


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def _plain_page(page: RulePage) -> str:
    """The page without its fences: some readers show the text form alone."""
    return "\n".join(line for line in page.markdown.splitlines() if not line.startswith("```"))
