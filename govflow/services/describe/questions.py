"""An approval request: what is asked, why, of whom, until when, and exactly how to answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from govflow.approval.models import ApprovalRequest, RequestState, Vote, VoteDecision
from govflow.governor.explain import who_may_approve
from govflow.services.describe.escape import code, plain, prose, table, values
from govflow.telemetry import redact


def request_json(request: ApprovalRequest, votes: Sequence[Vote] = ()) -> dict[str, Any]:
    """The request and its votes as JSON data; parameters whose name tells a secret are hidden."""
    document = request.model_dump(mode="json")
    document["summary"] = redact(document["summary"])
    return {**document, "votes": [vote.model_dump(mode="json") for vote in votes]}


def requests_text(requests: Iterable[ApprovalRequest]) -> str:
    """A list for a terminal, in the order given."""
    heading = ["request", "state", "tier", "flow", "step", "asked by", "until", "why"]
    rows = [
        [
            plain(request.request_id),
            str(request.state),
            str(int(request.tier)),
            plain(request.binding.flow),
            plain(request.binding.step_id),
            plain(request.requester),
            moment(request.expires_at),
            plain(request.reason, 80),
        ]
        for request in requests
    ]
    if not rows:
        return "no requests\n"
    more = "What each one asks, and how to answer: govflow approvals show REQUEST"
    return "\n".join([*table([heading, *rows], indent=0), "", more]) + "\n"


def request_text(request: ApprovalRequest, votes: Sequence[Vote] = (), *, caution: str = "") -> str:
    """One request for a terminal.

    Args:
        request: as the store last said.
        votes: those that count.
        caution: why an answer from here would not count; shown instead of the commands.
    """
    rows = [[f"{name}", plain(text)] for name, text in _facts(request, votes).items()]
    lines = [f"request {plain(request.request_id)}: {request.state}", *table(rows)]
    parameters = _parameters(request)
    if parameters:
        lines += ["", "parameters:", *table([[plain(name), shown] for name, shown in parameters.items()])]
    if votes:
        lines += ["", "votes:", *(f"  {plain(line)}" for line in _votes(votes))]
    if request.state is RequestState.PENDING:
        answer = [plain(caution)] if caution else [*_commands(request), _reminder(request)]
        lines += ["", "an answer from here would not count:" if caution else "answer:", *(f"  {a}" for a in answer)]
    return "\n".join(lines) + "\n"


def request_form(request: ApprovalRequest, votes: Sequence[Vote] = ()) -> str:
    """What stands above the fields of the form: short, so that the fields are seen without scrolling."""
    facts = _facts(request, votes)
    kept = ("records", "asked by", "who may approve", "so far", "answer by")
    shown = {**_parameters(request), **{name: facts[name] for name in kept if name in facts}}
    lines = [f"**{prose(request.reason)}**", ""]
    lines += [f"- {prose(name)}: {prose(text, 200)}" for name, text in shown.items()]
    lines += ["", "Your token:", "", "```", f"govflow approvals token {plain(request.request_id)} --as NAME", "```", ""]
    lines += ["Everything else is on the run's Artifacts tab, govflow-approval."]
    return "\n".join(lines) + "\n"


def request_markdown(request: ApprovalRequest, votes: Sequence[Vote] = (), *, form: str | None = None) -> str:
    """One request as a page.

    Args:
        request: as the store last said.
        votes: those that count.
        form: how to answer in the engine's own page, in words; shown below the commands.
    """
    lines = [
        f"### Approval {'needed' if request.state is RequestState.PENDING else str(request.state)}",
        "",
        f"**{prose(request.reason)}**",
        "",
        "| fact | value |",
        "| --- | --- |",
        *(f"| {name} | {code(text, cell=True, limit=400)} |" for name, text in _facts(request, votes).items()),
    ]
    parameters = _parameters(request)
    if parameters:
        lines += ["", "| parameter | value |", "| --- | --- |"]
        lines += [f"| {code(name, cell=True)} | {code(shown, cell=True)} |" for name, shown in parameters.items()]
    if votes:
        lines += ["", "Votes:", "", *(f"- {prose(line)}" for line in _votes(votes))]
    if request.state is RequestState.PENDING:
        lines += ["", "How to answer:", "", "```", *_commands(request), "```", "", prose(_reminder(request))]
        if form:
            lines += ["", prose(form)]
    return "\n".join(lines) + "\n"


def moment(at: datetime) -> str:
    """A time for people."""
    return at.strftime("%Y-%m-%d %H:%M UTC")


def _facts(request: ApprovalRequest, votes: Sequence[Vote]) -> dict[str, str]:
    said: Mapping[str, Any] = redact(request.summary)
    binding = request.binding
    facts = {
        "what": " ".join(str(said[key]) for key in ("action", "provider", "resource") if said.get(key)),
        "its code": "; ".join(map(str, said.get("effects") or ())),
        "records": said.get("records"),
        "tier": int(request.tier),
        "tier rules": ", ".join(map(str, said.get("tier_rules") or ())),
        "why": request.reason,
        "policy rule": f"{request.policy_rule}: {said['reason']}" if said.get("reason") else request.policy_rule,
        "environment": said.get("environment"),
        "flow": binding.flow,
        "run": binding.run_id,
        "step": binding.step_id + (f"[{binding.map_index}]" if binding.map_index is not None else ""),
        "asked by": request.requester,
        "who may approve": who_may_approve(request.rule, request.requester),
        "so far": _so_far(request, votes),
        "asked at": moment(request.created_at),
        "answer by" if request.state is RequestState.PENDING else "until": moment(request.expires_at),
        "ir hash": binding.ir_hash,
        "note": said.get("note"),
    }
    return {name: str(text) for name, text in facts.items() if text not in (None, "")}


def _parameters(request: ApprovalRequest) -> dict[str, str]:
    given = request.summary.get("parameters")
    return values(given) if isinstance(given, Mapping) else {}


def _so_far(request: ApprovalRequest, votes: Sequence[Vote]) -> str:
    """How far an open question is; nothing for one that one person decides, or that is decided."""
    if request.state is not RequestState.PENDING or request.rule.required == 1:
        return ""
    return f"{sum(vote.decision is VoteDecision.APPROVE for vote in votes)} of {request.rule.required} have said yes"


def _votes(votes: Sequence[Vote]) -> list[str]:
    return [
        f"{vote.principal} ({vote.assurance}): {vote.decision} at {moment(vote.at)}"
        + (f": {vote.reason}" if vote.reason else "")
        for vote in votes
    ]


def _commands(request: ApprovalRequest) -> list[str]:
    name = plain(request.request_id)
    return [
        f"govflow approvals approve {name} --as NAME",
        f'govflow approvals deny {name} --as NAME --reason "WHY"',
    ]


def _reminder(request: ApprovalRequest) -> str:
    asker = plain(request.requester)
    return f"NAME is your own name, not {asker}. The step waits meanwhile; one no ends the request and the step."
