"""A plan with its tiers and verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from govflow.governor.assess import Assessment, StepAssessment
from govflow.ir.hashing import plan_hash, step_hashes
from govflow.ir.models import EdgeKind, FlowParameter, Plan, Step, Tier
from govflow.services.deeds import tier_unknown
from govflow.services.describe.effects import beside_the_row, effect_json
from govflow.services.describe.escape import code, label, plain, prose, table
from govflow.services.plan_files import masked_plan
from govflow.telemetry import redact, redact_text

TIER_NAMES: Final = ("minimal", "low", "medium", "high")
_CLASSES: Final = (
    "classDef tier0 fill:#e8f5e9,stroke:#2e7d32,color:#111",
    "classDef tier1 fill:#e3f2fd,stroke:#1565c0,color:#111",
    "classDef tier2 fill:#fff3e0,stroke:#e65100,color:#111",
    "classDef tier3 fill:#ffebee,stroke:#b71c1c,color:#111",
    "classDef unread fill:#f3f4f6,stroke:#6e7781,color:#111,stroke-dasharray:4 3",
)
UNKNOWN_TIER: Final = "?"
_MOST: Final = 200  # steps drawn: beyond it a picture helps nobody


def plan_rows(plan: Plan, assessment: Assessment, hashes: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """One JSON object a step, in source order. Values are raw: escape them where they are shown."""
    hashes = step_hashes(plan) if hashes is None else hashes
    after: dict[str, list[dict[str, str]]] = {step.step_id: [] for step in plan.steps}
    for edge in plan.edges:
        after[edge.target].append({"step_id": edge.source, "kind": edge.kind.value})
    return [
        {
            "step_id": step.step_id,
            "kind": step.kind.value,
            "callee": step.callee,
            "multiplicity": step.multiplicity.value,
            "action": step.action,
            "provider": step.provider,
            "resource": redact_text(assessment.steps[step.step_id].resource),
            "after": sorted(after[step.step_id], key=lambda edge: (edge["step_id"], edge["kind"])),
            **_judged(assessment.steps[step.step_id]),
            "reason": step.reason,
            "declared": step.declared,
            "effects": [effect_json(effect) for effect in step.effects],
            "unseen": list(step.unseen),
            "step_hash": hashes[step.step_id],
            "line": step.sites[-1].line if step.sites else None,
            "file": step.sites[-1].file if step.sites else None,
        }
        for step in plan.steps
    ]


def plan_json(name: str, plan: Plan, assessment: Assessment) -> dict[str, Any]:
    """The plan as one JSON document that can be compared again. ``name`` is ``<path>:<function>``."""
    return {**plan_facts(name, plan, assessment), "plan": masked_plan(plan)}


def plan_facts(name: str, plan: Plan, assessment: Assessment) -> dict[str, Any]:
    """What there is to know of a plan, as JSON values."""
    hashes = step_hashes(plan)
    return {
        "flow": plan.flow,
        "name": name,
        "plan_hash": plan_hash(plan, hashes),
        "tier": int(assessment.tier),
        "verdict": str(assessment.verdict),
        "parameters": [{**parameter.model_dump(mode="json"), **_default(parameter)} for parameter in plan.parameters],
        "steps": plan_rows(plan, assessment, hashes),
        "edges": [edge.model_dump(mode="json") for edge in plan.edges],
        "findings": [finding.model_dump(mode="json") for finding in plan.findings],
    }


def plan_text(name: str, plan: Plan, assessment: Assessment) -> str:
    """The plan for a terminal."""
    lines = [
        f"flow {plain(plan.flow)}  {plain(name)}",
        f"  plan     {plan_hash(plan)}",
        f"  tier     {plan_tier(plan, assessment)}",
        f"  verdict  {assessment.verdict}",
        "",
    ]
    marks = {step.step_id: tier_mark(step, assessment.steps[step.step_id]) for step in plan.steps}
    heading = ["step", "tier", "verdict", "runs", "action", "provider", "resource", "after"]
    rows = [
        [
            plain(row["step_id"]),
            marks[row["step_id"]],
            row["verdict"],
            row["multiplicity"],
            plain(row["action"]),
            plain(row["provider"]),
            plain(row["resource"], 60),
            _after(row["after"]) or "-",
        ]
        for row in plan_rows(plan, assessment)
    ]
    lines += table([heading, *rows])
    also = [(step, list(beside_the_row(step))) for step in plan.steps]
    if any(said for _, said in also):
        lines += ["", "also:", *table([[plain(step.step_id), line] for step, said in also for line in said])]
    why = [line for step in plan.steps for line in _why(step, assessment.steps[step.step_id])]
    if why:
        lines += ["", "why:", *(f"  {plain(line)}" for line in why)]
    if plan.findings:
        lines += ["", "findings:", *(f"  {line}" for line in _findings(plan))]
    return "\n".join(lines) + "\n"


def plan_markdown(name: str, plan: Plan, assessment: Assessment, *, drawn: bool = True) -> str:
    """The plan as a page: a table with tiers, the reasons, and a drawing where the reader's page can show one."""
    marks = {step.step_id: tier_mark(step, assessment.steps[step.step_id]) for step in plan.steps}
    lines = [
        f"### Plan of {code(plan.flow)}",
        "",
        f"{code(name)} · tier **{plan_tier(plan, assessment)}** · verdict **{assessment.verdict}** · "
        f"{code(plan_hash(plan))}",
        "",
        "| step | tier | verdict | runs | action | provider | resource | after |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in plan_rows(plan, assessment):
        names = [code(row[key], cell=True, limit=120) for key in ("action", "provider", "resource")]
        after = ", ".join(_linked(edge) for edge in row["after"]) or "-"
        cells = [
            code(row["step_id"], cell=True),
            UNKNOWN_TIER if marks[row["step_id"]] == UNKNOWN_TIER else _tier(row["tier"]),
            row["verdict"],
            row["multiplicity"],
            *names,
            after,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    also = [(step, list(beside_the_row(step))) for step in plan.steps]
    if any(said for _, said in also):
        said = [f"- {code(step.step_id)}: {'; '.join(map(prose, lines_))}" for step, lines_ in also if lines_]
        lines += ["", "Also:", "", *said]
    why = [line for step in plan.steps for line in _why(step, assessment.steps[step.step_id])]
    if why:
        lines += ["", "Why:", "", *(f"- {prose(line)}" for line in why)]
    if plan.findings:
        lines += ["", "Findings:", "", *(f"- {prose(line)}" for line in _findings(plan))]
    if drawn:
        lines += ["", "```mermaid", plan_mermaid(plan, assessment).rstrip("\n"), "```"]
    return "\n".join(lines) + "\n"


def tier_mark(step: Step, judged: StepAssessment) -> str:
    """The number of a step's tier; a question mark for a call that could not be read."""
    return UNKNOWN_TIER if tier_unknown(step, judged.tier) else str(int(judged.tier))


def plan_tier(plan: Plan, assessment: Assessment) -> str:
    """The tier of a plan in words, and how many of its calls no tier covers."""
    unread = sum(tier_unknown(step, assessment.steps[step.step_id].tier) for step in plan.steps)
    return _tier(int(assessment.tier)) + beyond_tiers(unread)


def beyond_tiers(unread: int) -> str:
    """What to say beside a tier of calls that could not be read; nothing where there is none."""
    if not unread:
        return ""
    return f", and {unread} call{'' if unread == 1 else 's'} that may run anything"


def plan_mermaid(plan: Plan, assessment: Assessment) -> str:
    """A Mermaid flowchart; dotted lines are ordering alone, colours are tiers."""
    steps = plan.steps[:_MOST]
    numbers = {step.step_id: f"s{index}" for index, step in enumerate(steps)}
    lines = ["flowchart TD"]
    for step in steps:
        mark = tier_mark(step, assessment.steps[step.step_id])
        look = "unread" if mark == UNKNOWN_TIER else f"tier{mark}"
        lines.append(f'  {numbers[step.step_id]}["{label(step.step_id)}<br/>{label(step.action)}"]:::{look}')
    if len(plan.steps) > _MOST:
        lines.append(f'  more["{len(plan.steps) - _MOST} more steps"]')
    for edge in plan.edges:
        if edge.source in numbers and edge.target in numbers:
            arrow = "-->" if edge.kind is EdgeKind.DATA else "-.->"
            lines.append(f"  {numbers[edge.source]} {arrow} {numbers[edge.target]}")
    return "\n".join([*lines, *(f"  {style}" for style in _CLASSES)]) + "\n"


def _judged(step: StepAssessment) -> dict[str, Any]:
    return {
        "tier": int(step.tier),
        "tier_rules": [{"rule": finding.rule, "reason": finding.reason} for finding in step.findings],
        "records": step.records,
        "verdict": str(step.verdict),
        "rule": step.decision.rule,
        "why": step.decision.reason,
        "approval": step.decision.approval,
    }


def _why(step: Step, judged: StepAssessment) -> Iterable[str]:
    """Reasons that a reader wants: of a tier above low, of a verdict that is not pass, of a call that was not read."""
    if step.reason:
        yield f"{step.step_id} could not be read: {step.reason}"
    if judged.tier >= Tier.MEDIUM and judged.findings:
        strongest = judged.findings[0]
        yield f"{step.step_id} is tier {int(judged.tier)}: {strongest.reason} (tier rule {strongest.rule})"
    if str(judged.verdict) != "pass":
        yield f"{step.step_id}: {judged.verdict} by policy rule {judged.decision.rule}: {judged.decision.reason}"


def _findings(plan: Plan) -> list[str]:
    lines = []
    for finding in plan.findings:
        place = f"{finding.file}:{finding.line}: " if finding.file and finding.line else ""
        lines.append(plain(f"{place}{finding.code}: {finding.message}"))
    return lines


def _after(edges: Iterable[dict[str, str]]) -> str:
    kinds: dict[str, set[str]] = {}
    for edge in edges:
        kinds.setdefault(edge["step_id"], set()).add(edge["kind"])
    return ", ".join(plain(name) + ("" if "data" in held else " (order)") for name, held in kinds.items())


def _linked(edge: dict[str, str]) -> str:
    return code(edge["step_id"], cell=True) + (" (order)" if edge["kind"] == EdgeKind.ORDER else "")


def _tier(number: int) -> str:
    return f"{number} {TIER_NAMES[number]}"


def _default(parameter: FlowParameter) -> dict[str, Any]:
    """The default, hidden when the parameter's name tells a secret."""
    shown: dict[str, Any] = redact({parameter.name: parameter.default})
    return {"default": shown[parameter.name]}
