"""One page of a run for a tired operator: what it is, how it stands, what stopped it, and what would make it pass."""

from __future__ import annotations

from typing import Any

from govflow.services.describe.escape import code, plain, prose, table
from govflow.services.explain_run import PENDING, RunExplanation, Stop
from govflow.services.run_history import LoggedEnd


def run_json(found: RunExplanation) -> dict[str, Any]:
    """The same as JSON data."""
    run = found.receipt
    facts = {name: getattr(run, name) for name in ("run_id", "flow", "mode", "environment", "requester", "opened_at")}
    hashes = {name: getattr(run, name) for name in ("closed_at", "ir_hash", "plan_hash", "policy_digest")}
    stops = [{name: getattr(stop, name) for name in Stop.__slots__} for stop in found.stops]
    return {**facts, **hashes, "state": str(run.end), "waits": found.waits, "stops": stops}


def run_text(found: RunExplanation) -> str:
    """For a terminal."""
    run = found.receipt
    lines = [
        f"run {plain(run.run_id)}: {standing(found)}",
        *table([[name, plain(text)] for name, text in _facts(found)]),
    ]
    for number, stop in enumerate(found.stops, 1):
        held = "" if stop.stands else " (it held nothing)"
        lines += ["", f"stop {number} of {len(found.stops)}: {plain(stop.where)}{held}:"]
        lines += [f"  {plain(line)}" for line in stop.sentence.splitlines()]
        lines += table([[name, plain(text)] for name, text in details(stop)], indent=2)
    if not found.stops:
        lines += ["", "nothing stopped it"]
    return "\n".join(lines) + "\n"


def run_markdown(found: RunExplanation) -> str:
    """As a page."""
    lines = [f"### Run {code(found.receipt.run_id)}", "", f"**{prose(standing(found))}**", "", "| fact | value |"]
    lines += ["| --- | --- |", *(f"| {name} | {code(text, cell=True)} |" for name, text in _facts(found))]
    for stop in found.stops:
        lines += ["", f"#### {code(stop.where)}" + ("" if stop.stands else " (it held nothing)"), ""]
        lines += [f"{prose(line)}  " for line in stop.sentence.splitlines()]
        lines += ["", *(f"- {name}: {code(text)}" for name, text in details(stop))]
    if not found.stops:
        lines += ["", "Nothing stopped it."]
    return "\n".join(lines) + "\n"


def standing(found: RunExplanation) -> str:
    """How the run stands, in words."""
    end = found.receipt.end
    if found.waits and end is LoggedEnd.OPEN:
        number = sum(bool(stop.who and stop.code == PENDING) for stop in found.stops)
        return "it waits for an answer" if number == 1 else f"it waits for {number} answers"
    return {
        LoggedEnd.OPEN: "it goes on, or its process is gone: govflow reconcile tells which",
        LoggedEnd.REFUSED: "it was stopped before its first line",
        LoggedEnd.FAILED: "it failed",
        LoggedEnd.DONE: "it is done",
        LoggedEnd.UNKNOWN: "the log does not say how it stands",
    }[end]


def _facts(found: RunExplanation) -> list[tuple[str, str]]:
    run = found.receipt
    facts = {
        "flow": run.flow,
        "asked for by": run.requester,
        "environment": run.environment,
        "mode": run.mode,
        "began": run.opened_at,
        "ended": run.closed_at,
        "steps": f"{sum(bool(step.calls) for step in run.steps)} of {len(run.steps)} have begun",
        "plan": run.plan_hash,
        "policy": run.policy_digest,
    }
    return [(name, text) for name, text in facts.items() if text]


def details(stop: Stop) -> list[tuple[str, str]]:
    """What stands below the sentence of a stop, by name; what is not there is left out."""
    found = {
        "policy rule": stop.rule,
        "tier": "" if stop.tier is None else str(stop.tier),
        "who may approve": stop.who,
        "until": stop.until,
        "to go on": stop.passes,
        "answer at": stop.link,
        "request": stop.request_id,
        "code": f"{stop.code}: {stop.page}",
    }
    return [(name, text) for name, text in found.items() if text]
