"""An approval request: what is asked, why, of whom, until when, and exactly how to answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from govflow.approval.models import ApprovalRequest, RequestState, Vote
from govflow.governor.explain import who_may_approve
from govflow.services.describe.escape import code, plain, prose, table, values
from govflow.telemetry import redact


def request_json(request: ApprovalRequest, votes: Sequence[Vote] = ()) -> dict[str, Any]:
    """The request and its votes as JSON data; parameters whose name tells a secret are hidden."""
    document = request.model_dump(mode="json")
    document["summary"] = redact(document["summary"])
    return {**document, "votes": [vote.model_dump(mode="json") for vote in votes]}


def requests_text(requests: Iterable[ApprovalRequest]) -> str:
    """A list for a terminal, oldest question first as given."""
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
    return "\n".join(table([heading, *rows], indent=0)) + "\n" if rows else "no requests\n"


def request_text(request: ApprovalRequest, votes: Sequence[Vote] = ()) -> str:
    """One request for a terminal."""
    rows = [[f"{name}", plain(text)] for name, text in _facts(request).items()]
    lines = [f"request {plain(request.request_id)}: {request.state}", *table(rows)]
    parameters = _parameters(request)
    if parameters:
        lines += ["", "parameters:", *table([[plain(name), shown] for name, shown in parameters.items()])]
    if votes:
        lines += ["", "votes:", *(f"  {plain(line)}" for line in _votes(votes))]
    if request.state is RequestState.PENDING:
        lines += ["", "answer:", *(f"  {line}" for line in _commands(request))]
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
        "| | |",
        "| --- | --- |",
        *(f"| {name} | {code(text, cell=True, limit=400)} |" for name, text in _facts(request).items()),
    ]
    parameters = _parameters(request)
    if parameters:
        lines += ["", "| parameter | value |", "| --- | --- |"]
        lines += [f"| {code(name, cell=True)} | {code(shown, cell=True)} |" for name, shown in parameters.items()]
    if votes:
        lines += ["", "Votes:", "", *(f"- {prose(line)}" for line in _votes(votes))]
    if request.state is RequestState.PENDING:
        lines += ["", "How to answer:", "", "```", *_commands(request), "```"]
        if form:
            lines += ["", prose(form)]
    return "\n".join(lines) + "\n"


def moment(at: datetime) -> str:
    """A time for people."""
    return at.strftime("%Y-%m-%d %H:%M UTC")


def _facts(request: ApprovalRequest) -> dict[str, str]:
    said: Mapping[str, Any] = redact(request.summary)
    binding = request.binding
    facts = {
        "what": " ".join(str(said[key]) for key in ("action", "provider", "resource") if said.get(key)),
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
        "asked at": moment(request.created_at),
        "until": moment(request.expires_at),
        "ir hash": binding.ir_hash,
        "note": said.get("note"),
    }
    return {name: str(text) for name, text in facts.items() if text not in (None, "")}


def _parameters(request: ApprovalRequest) -> dict[str, str]:
    given = request.summary.get("parameters")
    return values(given) if isinstance(given, Mapping) else {}


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
