"""What a report says in one line, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from govflow.services.findings import CheckFinding, Level

if TYPE_CHECKING:
    from govflow.services.check_plans import CheckReport


def summary(report: CheckReport) -> str:
    """One line."""
    errors, warnings = report.count(Level.ERROR), report.count(Level.WARNING)
    looked_at = report.counted or number(len(report.flows), "flow")
    line = f"{looked_at} checked: {number(errors, 'error')}, {number(warnings, 'warning')}"
    notes = report.count(Level.NOTE)
    if notes:
        line += f", {number(notes, 'note')}"
    left_out = []
    older = [one for one in report.older if one.level is not Level.NOTE]
    if older:
        left_out.append(f"{_weights(older)} that {report.base} has too (--all shows them)")
    if report.accepted:
        left_out.append(f"{_weights(report.accepted)} in the baseline")
    return line + (f"; left out: {' and '.join(left_out)}" if left_out else "")


def number(count: int, word: str) -> str:
    """A count and its word."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def next_commands(report: CheckReport) -> Iterator[tuple[str, str]]:
    """Commands that a reader of the report may want, each with what it is for. File names are quoted for a shell."""
    codes = {finding.code for finding in report.findings}
    if codes & {"GF101", "GF102", "GF103"}:
        paths = shlex.join(report.words) or "PATH"
        yield f"govflow lock {paths}", "accept the plans as they are now, and commit govflow.lock"
    for change in report.changes:
        if change and change.after is not None:
            yield f"govflow plan {shlex.quote(change.name)}", "the whole plan"
            break
    worst = next(iter(sorted(report.findings, key=lambda one: list(Level).index(one.level))), None)
    if worst is not None:
        yield f"govflow explain {worst.code}", f"why {worst.rule.name} matters, and how to mend or accept it"


def _weights(findings: tuple[CheckFinding, ...] | list[CheckFinding]) -> str:
    counted = [(level, sum(one.level is level for one in findings)) for level in Level]
    return ", ".join(number(count, str(level)) for level, count in counted if count)
