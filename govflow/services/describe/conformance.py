"""The report of a comparison of a run with its plan."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from govflow.ir.execution import Link, RunState
from govflow.services.describe.escape import code, plain, prose

if TYPE_CHECKING:
    from govflow.ir.conformance import Conformance, Share, Uncovered
    from govflow.services.conform_run import RunConformance

_MOST = 50  # deviations of one kind that are shown


def conformance_text(found: RunConformance) -> str:
    """For a terminal: what does not fit, then the counts, for each run; the verdict at the end."""
    lines: list[str] = []
    for one in found.all():
        lines.append(f"{plain(one.source)} run {plain(one.report.run_id)}: {one.report.state}")
        lines += [f"  {mark} {plain(text)}" for mark, text in _deviations(one)]
        lines += [f"  {plain(text)}" for text in _counts(one.report)]
        lines.append("")
    lines.append(_verdict(found))
    return "\n".join(lines) + "\n"


def conformance_markdown(found: RunConformance) -> str:
    """For a page: the same, with a table of what does not fit."""
    lines = [f"### govflow conform: {_verdict(found)}"]
    for one in found.all():
        lines += ["", f"{code(one.source)}, run {code(one.report.run_id)}, {one.report.state}", ""]
        rows = list(_deviations(one))
        if rows:
            lines += ["| | deviation |", "| --- | --- |"]
            lines += [f"| {mark} | {prose(text)} |" for mark, text in rows]
            lines.append("")
        lines += [f"- {prose(text)}" for text in _counts(one.report)]
    return "\n".join(lines) + "\n"


def _verdict(found: RunConformance) -> str:
    runs = list(found.all())
    number = f"{len(runs)} runs" if len(runs) > 1 else "the run"
    if found.conforms:
        return f"ok: {number} followed the plan"
    return f"deviates: {sum(len(list(_deviations(one))) for one in runs)} deviations from the plan"


def _deviations(one: RunConformance) -> list[tuple[str, str]]:
    report = one.report
    rows = [("unplanned", f"{item.call.name}: {item.reason}") for item in report.unplanned]
    rows += [("unread", f"{item.call.name}: {item.reason} ({item.step_id})") for item in report.unread]
    rows += [("uncovered", _uncovered(report, item)) for item in report.uncovered]
    rows += [("missing", f"{step_id} is mandatory and was not called") for step_id in report.missing]
    rows += [("not compared", text) for text in one.unread]
    return rows if len(rows) <= _MOST else [*rows[:_MOST], ("…", f"{len(rows) - _MOST} more")]


def _uncovered(report: Conformance, item: Uncovered) -> str:
    names = {call.run_id: call.name for call in report.calls}
    where = f"{item.edge.link}, {item.edge.parameter}" if item.edge.link is Link.DATA else str(item.edge.link)
    ends = f"{names[item.edge.source]} -> {names[item.edge.target]}"
    return f"{ends} ({where}): the plan has no such edge from {item.source} to {item.target}"


def _counts(report: Conformance) -> list[str]:
    states = Counter(call.state for call in report.calls)
    others = ", ".join(f"{count} {state}" for state, count in states.items() if state is not RunState.COMPLETED)
    calls = f"{len(report.calls)} calls" + (f" ({others})" if others else "")
    known = "known by step id" if report.exact and report.calls else "told apart by name and edges"
    lines = [
        f"{calls} of {len(set(report.assigned.values()))} of {report.steps} planned steps, {known}",
        f"{report.edges} recorded edges" + (f", {report.shared} of them only share an object" if report.shared else ""),
        f"planned edges between mandatory steps: {_share(report.share)} of those that hand a value on as it is, "
        f"{_share(report.share_of_all)} of all",
    ]
    if report.state is not RunState.COMPLETED:
        lines.append(f"the run is {report.state}: mandatory steps may be missing")
    return lines


def _share(share: Share) -> str:
    told = share.planned - share.untold
    return f"{share.executed}/{told}" + (f" ({share.untold} more cannot be recorded)" if share.untold else "")
