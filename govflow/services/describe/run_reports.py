"""The report at the end of ``govflow run``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from govflow.services.describe.escape import plain

if TYPE_CHECKING:
    from govflow.services.report_runs import RunReport


def run_reports_text(reports: Sequence[RunReport]) -> str:
    """For a terminal: each run with what was stopped in it, or would have been, and why."""
    if not reports:
        return "govflow: no flow ran that govflow could see\n"
    stops = [stop for report in reports for stop in report.stops]
    would, did = sum(not stop.stopped for stop in stops), sum(stop.stopped for stop in stops)
    steps = sum(report.steps for report in reports)
    lines = [f"govflow: {_count(len(reports), 'run')}, {_count(steps, 'step')}"]
    lines[0] += f"; stopped: {did}" if did else ""
    lines[0] += f"; enforce mode would have stopped: {would}" if would else ""
    lines[0] += "" if stops else "; nothing to stop"
    for report in reports:
        end = "" if report.closed else ", not ended" if report.flow else ", not on record"
        end = f", failed: {report.failed}" if report.failed else end
        lines.append(f"  {plain(report.flow or '?')} {report.run_id}: {_count(report.steps, 'step')}{plain(end)}")
        for stop in report.stops:
            verb = "stopped" if stop.stopped else "would stop"
            lines.append(f"    {verb} {plain(stop.step_id or 'the run')}: {plain(stop.reason)} [{plain(stop.code)}]")
    return "\n".join(lines) + "\n"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
