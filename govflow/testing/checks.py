"""``pytest --govflow-check``: what ``govflow check`` finds, as one test for each flow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import chdir
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from govflow.errors import GovflowError
from govflow.services.check_plans import CheckReport, check_plans
from govflow.services.describe.formats import render
from govflow.services.findings import Level
from govflow.testing.reading import open_project

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr


class CheckCollector(pytest.Collector):
    """The flows of the paths that were given."""

    def __init__(self, *, paths: list[str], **others: Any) -> None:
        super().__init__(**others)
        self.paths = paths

    def collect(self) -> Iterator[pytest.Item]:
        """Check them all, once, and give each its part of the report."""
        with chdir(self.config.rootpath):
            report = check_plans(open_project(None, None), self.paths)
        names = {flow.name for flow in report.flows} | {finding.flow for finding in report.findings}
        for name in sorted(names):
            yield CheckItem.from_parent(self, name=name, report=_part(report, name))

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """What cannot be checked is said as the command says it."""
        error = excinfo.value
        if isinstance(error, GovflowError):
            return f"error[{error.code}]: {error.message}" + (f"\n  mend: {error.mend}" if error.mend else "")
        return super().repr_failure(excinfo)


class NotClean(Exception):
    """A flow whose check fails. Its text is the report."""


class CheckItem(pytest.Item):
    """One flow; it fails when ``govflow check`` would fail for it."""

    def __init__(self, *, report: CheckReport, **others: Any) -> None:
        super().__init__(**others)
        self.report = report
        self.add_marker("govflow")

    def runtest(self) -> None:
        """The check is done; here it is told."""
        text = render(self.report, "text")
        if any(finding.level is Level.ERROR for finding in self.report.findings):
            raise NotClean(text)
        if self.report.findings:
            self.add_report_section("call", "govflow", text)  # shown with -rA

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """The report alone; a traceback would show govflow's own code."""
        if isinstance(excinfo.value, NotClean):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """The flow's file, for the head of a failure."""
        return self.config.rootpath / self.name.partition(":")[0], None, f"govflow check {self.name}"


def _part(report: CheckReport, name: str) -> CheckReport:
    return replace(
        report,
        findings=tuple(finding for finding in report.findings if finding.flow == name),
        flows=tuple(flow for flow in report.flows if flow.name == name),
        changes=tuple(change for change in report.changes if change.name == name),
        drift=tuple(change for change in report.drift if change.name == name),
        older=tuple(finding for finding in report.older if finding.flow == name),
        accepted=tuple(finding for finding in report.accepted if finding.flow == name),
    )
