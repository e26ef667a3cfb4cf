"""A scan for people: the numbers, the riskiest steps, what could not be known, then every flow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from govflow import __version__
from govflow.ir.models import Step, StepKind, Tier
from govflow.services.deeds import Deed, knows_nothing
from govflow.services.describe.effects import unseen_words, words
from govflow.services.describe.escape import code, plain, prose, table
from govflow.services.describe.plans import TIER_NAMES, beyond_tiers, plan_facts, plan_tier, tier_mark
from govflow.services.plan_flows import file_in
from govflow.services.scan_repository import Scan, ScannedFlow
from govflow.services.scan_summary import Count, ScanSummary, riskiest, summarise

_FEW: Final = 3  # examples on one line
_SOME: Final = 10  # riskiest steps, unknown calls, flows of a list
_LIMIT: Final = 70  # characters of a resource

NOT_HARMLESS: Final = "Nothing found is not harmless: it means that no call was recognised, not that none was made."


def scan_json(scan: Scan, lowest: Tier = Tier.MINIMAL) -> dict[str, Any]:
    """The scan as one JSON document. ``lowest`` leaves out steps below a tier; the summary counts them all."""
    return {
        "version": 1,
        "govflow": __version__,
        "environment": scan.workspace.ground.environment,
        "policy": scan.workspace.document.where,
        "files": scan.files,
        "summary": summarise(scan).to_dict(),
        "flows": [_flow_json(flow, lowest) for flow in scan.flows if flow.tier >= lowest],
        "unread": [{"file": one.file, "error": one.error.message, "mend": one.error.mend} for one in scan.unread],
        "passed_over": [{"path": path, "why": why} for path, why in scan.passed_over],
    }


def scan_text(scan: Scan, lowest: Tier = Tier.MINIMAL) -> str:
    """The scan for a terminal."""
    summary = summarise(scan)
    lines = [_headline(scan, summary), f"  {_ground(scan)}", ""]
    lines += [_tier_line(count) for count in summary.tiers]
    if summary.tierless.steps:
        lines.append(_tierless_line(summary.tierless))
    for title, rows in _sections(scan, summary, lowest):
        lines += ["", f"{title}:", *rows]
    shown = [flow for flow in scan.flows if flow.tier >= lowest]
    for flow in shown:
        lines += ["", *_flow_lines(flow, lowest)]
    if len(shown) < len(scan.flows):
        left = len(scan.flows) - len(shown)
        lines += ["", f"{_number(left, 'flow')} without a step of tier {int(lowest)} or higher not shown"]
    return "\n".join(lines) + "\n"


def scan_markdown(scan: Scan, lowest: Tier = Tier.MINIMAL) -> str:
    """The scan as a page."""
    summary = summarise(scan)
    lines = [f"## {prose(_headline(scan, summary))}", "", prose(_ground(scan)), ""]
    lines += ["| tier | steps | flows |", "| --- | --- | --- |"]
    lines += [f"| {_named(int(count.key))} | {count.steps} | {count.flows} |" for count in summary.tiers]
    if summary.tierless.steps:
        lines.append(f"| {summary.tierless.title} | {summary.tierless.steps} | {summary.tierless.flows} |")
    for title, rows in _sections(scan, summary, lowest, cell=True):
        lines += ["", f"### {prose(title)}", "", *rows]
    for flow in scan.flows:
        if flow.tier >= lowest:
            lines += ["", *_flow_page(flow, lowest)]
    return "\n".join(lines) + "\n"


def _headline(scan: Scan, summary: ScanSummary) -> str:
    read = f"{_number(summary.flows, 'flow')} in {_number(scan.files, 'Python file')}, {_number(summary.steps, 'step')}"
    if not summary.flows:
        return f"{read}: a flow is a function decorated with @flow of prefect"
    return f"{read}, highest tier {_named(int(scan.tier))}{beyond_tiers(summary.tierless.steps)}"


def _ground(scan: Scan) -> str:
    ground = scan.workspace.ground
    return (
        f"judged as in environment {plain(ground.environment)}, policy {plain(scan.workspace.document.where)}; "
        "nothing was run or written"
    )


def _tier_line(count: Count) -> str:
    flows = f" in {_number(count.flows, 'flow')}" if count.steps else ""
    return f"  tier {count.key} {count.title:<8} {count.steps:>5} step{'' if count.steps == 1 else 's'}{flows}"


def _tierless_line(count: Count) -> str:
    steps = f"{count.steps:>5} step{'' if count.steps == 1 else 's'} in {_number(count.flows, 'flow')}"
    return f"  {'unresolved':<15} {steps}: may run anything"


def _sections(
    scan: Scan, summary: ScanSummary, lowest: Tier, *, cell: bool = False
) -> Iterator[tuple[str, Sequence[str]]]:
    """Titles with their lines: aligned columns, or the rows of Markdown."""
    does = [*summary.answers, *([summary.production] if summary.production.steps else [])]
    if does:
        yield "What it does", _rows(["", "steps", "flows", "for example"], [_does(one) for one in does], cell)
    worst = riskiest(scan, _SOME, max(lowest, Tier.MEDIUM))
    if worst:
        rows = [_risky(flow, step) for flow, step in worst]
        yield "Riskiest steps", _rows(["tier", "step", "where", "does"], rows, cell)
    unknown = list(_unknown(summary))
    if unknown:
        yield "What could not be known", [f"- {prose(line)}" if cell else f"  {plain(line)}" for line in unknown]
    if summary.verdicts:
        enforced = [[str(count.steps), str(count.flows), plain(count.title)] for count in summary.verdicts]
        yield "What enforcing this policy would do", _rows(["steps", "flows", "would"], enforced, cell)
    if scan.unread:
        errors = [[plain(one.file), plain(one.error.message)] for one in scan.unread]
        yield "Files that could not be read", _rows(["file", "why"], errors, cell)
    if scan.passed_over:
        yield "Passed over", [f"- {prose(_passed(scan))}" if cell else f"  {plain(_passed(scan))}"]


def _does(count: Count) -> list[str]:
    few = ", ".join(plain(name, _LIMIT) for name in count.touched[:_FEW])
    more = len(count.touched) - _FEW
    return [count.title, str(count.steps), str(count.flows), f"{few} and {more} more" if more > 0 else few]


def _risky(flow: ScannedFlow, step: Step) -> list[str]:
    judged = flow.judged.steps[step.step_id]
    deeds = sorted(flow.deeds[step.step_id], key=lambda deed: -deed.tier)
    reason = judged.findings[0].reason if judged.findings else ""
    said = deed_words(deeds[0]) if deeds else plain(reason)
    return [tier_mark(step, judged), plain(step.step_id), _where(flow, step), said]


def _unknown(summary: ScanSummary) -> Iterator[str]:
    if summary.unresolved:
        yield f"{_number(summary.unresolved, 'call')} could not be read and may run anything (kind unresolved)"
    if summary.unseen:
        some = ", ".join(f"{name} ({number})" for name, number in summary.unseen[:_SOME])
        more = len(summary.unseen) - _SOME
        yield f"outside code whose effects nobody knows, with steps that call it: {some}" + (
            f" and {more} more" if more > 0 else ""
        )
    if summary.blind:
        yield f"nothing found in {summary.blind} of the tasks and hooks, and they call such code"
    if summary.silent:
        yield f"nothing found in {summary.silent} of the tasks and hooks, and all that they call is known"
    if summary.blind or summary.silent:
        yield NOT_HARMLESS


def _passed(scan: Scan) -> str:
    kinds: dict[str, list[str]] = {}
    for path, why in scan.passed_over:
        kinds.setdefault(why, []).append(path)
    return "; ".join(
        f"{why} {', '.join(paths[:_FEW])}" + (f" and {len(paths) - _FEW} more" if len(paths) > _FEW else "")
        for why, paths in sorted(kinds.items())
    )


def _flow_lines(flow: ScannedFlow, lowest: Tier) -> list[str]:
    tier = plan_tier(flow.plan, flow.judged)
    lines = [f"flow {plain(flow.plan.flow)}  {plain(flow.name)}  tier {tier}  {flow.judged.verdict}"]
    rows = [["tier", "step", "runs", "where", "does"]]
    for step in flow.plan.steps:
        judged = flow.judged.steps[step.step_id]
        if judged.tier < lowest:
            continue
        first, *others = list(_said(flow, step)) or ["-"]
        rows.append([tier_mark(step, judged), plain(step.step_id), step.multiplicity.value, _where(flow, step), first])
        rows += [["", "", "", "", other] for other in others]
    lines += table(rows)
    lines += [f"  note: {line}" for line in _notes(flow)]
    return lines


def _flow_page(flow: ScannedFlow, lowest: Tier) -> list[str]:
    tier = plan_tier(flow.plan, flow.judged)
    lines = [
        f"### {code(flow.name)}",
        "",
        f"flow {code(flow.plan.flow)} · tier **{tier}** · verdict **{flow.judged.verdict}**",
        "",
        "| tier | step | runs | where | does |",
        "| --- | --- | --- | --- | --- |",
    ]
    for step in flow.plan.steps:
        judged = flow.judged.steps[step.step_id]
        if judged.tier >= lowest:
            said = "<br>".join(prose(line) for line in _said(flow, step)) or "-"
            place = code(_where(flow, step), cell=True)
            name = code(step.step_id, cell=True)
            lines.append(f"| {tier_mark(step, judged)} | {name} | {step.multiplicity.value} | {place} | {said} |")
    notes = list(_notes(flow))
    return [*lines, "", *(f"- {prose(note)}" for note in notes)] if notes else lines


def _said(flow: ScannedFlow, step: Step) -> Iterator[str]:
    """What a step does, a line each; what nobody knows of it last."""
    if step.kind is StepKind.UNRESOLVED:
        yield f"could not be read: {plain(step.reason or 'no reason was given')}"
    for deed in flow.deeds[step.step_id]:
        yield deed_words(deed)
    if knows_nothing(step) and not step.unseen:
        yield "nothing found"
    if step.unseen:
        yield unseen_words(step)


def deed_words(deed: Deed) -> str:
    """One thing that a step does, on one line."""
    return words(deed.action, deed.provider, deed.resource, unbounded=deed.unbounded, declared=deed.declared)


def _notes(flow: ScannedFlow) -> Iterator[str]:
    for finding in flow.plan.findings:
        place = f"{file_in(flow.name, finding.file)}:{finding.line}: " if finding.file and finding.line else ""
        yield plain(f"{place}{finding.code}: {finding.message}")


def _where(flow: ScannedFlow, step: Step) -> str:
    file, line = flow.place(step)
    return plain(f"{file}:{line}" if line is not None else file)


def _flow_json(flow: ScannedFlow, lowest: Tier) -> dict[str, Any]:
    document = plan_facts(flow.name, flow.plan, flow.judged)
    steps = []
    for step, row in zip(flow.plan.steps, document["steps"], strict=True):
        if row["tier"] >= lowest:
            file, line = flow.place(step)
            does = [deed.to_dict() for deed in flow.deeds[step.step_id]]
            steps.append({**row, "file": file, "line": line, "does": does})
    return {**document, "steps": steps}


def _rows(heading: list[str], rows: list[list[str]], cell: bool) -> list[str]:
    if not cell:
        return table([heading, *rows])
    ruled = ["| " + " | ".join(heading) + " |", "|" + " --- |" * len(heading)]
    return ruled + ["| " + " | ".join(prose(text) for text in row) + " |" for row in rows]


def _named(tier: int) -> str:
    return f"{tier} {TIER_NAMES[tier]}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
