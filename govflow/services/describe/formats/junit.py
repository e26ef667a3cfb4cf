"""For CI systems that read JUnit: one suite a flow, one case a finding. Errors are failures; the rest is said."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree

from govflow.services.describe.formats.terminal import place

if TYPE_CHECKING:
    from govflow.services.check_plans import CheckReport
    from govflow.services.findings import CheckFinding

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, escaped or not."""


def render(report: CheckReport) -> str:
    """The report as JUnit XML."""
    suites: dict[str, list[CheckFinding]] = {
        name: [] for name in (*report.looked_at, *(flow.name for flow in report.flows))
    }
    for finding in report.findings:
        suites.setdefault(finding.flow, []).append(finding)
    failures = sum(finding.level in report.fails for finding in report.findings)
    cases = sum(len(found) or 1 for found in suites.values())
    root = ElementTree.Element("testsuites", counts(report.command, cases, failures))
    for name, found in suites.items():
        _suite(report, root, name, found)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(report: CheckReport, root: ElementTree.Element, name: str, found: list[CheckFinding]) -> None:
    failures = sum(finding.level in report.fails for finding in found)
    suite = ElementTree.SubElement(root, "testsuite", {**counts(name, len(found) or 1, failures), "skipped": "0"})
    if not found:
        ElementTree.SubElement(suite, "testcase", {"name": report.command, "classname": xml_text(name), "time": "0"})
    for finding in found:
        title = f"{finding.code} {finding.rule.name}" + (f" {finding.step_id}" if finding.step_id else "")
        given = {"name": xml_text(title), "classname": xml_text(name), "time": "0"}
        case = ElementTree.SubElement(suite, "testcase", given)
        if finding.level in report.fails:
            told = {"type": finding.code, "message": xml_text(finding.message)}
            ElementTree.SubElement(case, "failure", told).text = xml_text(_words(finding))
        else:
            ElementTree.SubElement(case, "system-out").text = xml_text(_words(finding))


def counts(name: str, tests: int, failures: int) -> dict[str, str]:
    """Attributes of a suite."""
    return {"name": xml_text(name), "tests": str(tests), "failures": str(failures), "errors": "0", "time": "0"}


def _words(finding: CheckFinding) -> str:
    lines = [f"{place(finding)}: {finding.level}: {finding.message}"]
    if finding.source is not None:
        lines.append(f"    {finding.source.strip()}")
    if finding.mend:
        lines.append(f"mend: {finding.mend}")
    return "\n".join(lines)


def xml_text(text: str) -> str:
    """Text that XML can hold; what it cannot is shown as its code."""
    return _NOT_XML.sub(lambda match: f"\\x{ord(match.group()):02x}", text)
