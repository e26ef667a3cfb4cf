"""An approval request: what is asked, why, of whom, until when, and exactly how to answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from govflow.approval import progress, progress_text
from govflow.approval.models import ApprovalRequest, RequestState, Vote, VoteKind
from govflow.approval.stages import fewest
from govflow.governor.explain import step_of, who_may_approve
from govflow.services.describe.escape import code, plain, prose, table, values
from govflow.telemetry import redact

_SHOWN: Final = 10  # requests above the fields of a form
_LISTED: Final = 200  # requests on a page


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


def request_text(request: ApprovalRequest, votes: Sequence[Vote] = (), *, caution: str = "", stop: str = "") -> str:
    """One request for a terminal.

    Args:
        request: as the store last said.
        votes: those that count.
        caution: why an answer from here would not count; shown instead of the commands.
        stop: what the state of its run says, where it holds the run.
    """
    rows = [[f"{name}", plain(text)] for name, text in request_facts(request, votes).items()]
    lines = [f"request {plain(request.request_id)}: {request.state}", *table(rows)]
    if stop:
        lines += ["", "its run says:", *(f"  {plain(line)}" for line in stop.splitlines())]
    if steps := covered_steps(request):
        lines += [
            "",
            "an answer covers:",
            *table([["step", "what", "tier"], *([plain(c) for c in row] for row in steps)]),
        ]
    parameters = shown_parameters(request)
    if parameters:
        lines += ["", "parameters:", *table([[plain(name), shown] for name, shown in parameters.items()])]
    if votes:
        lines += ["", "votes:", *(f"  {plain(line)}" for line in vote_lines(votes))]
    if request.state is RequestState.PENDING:
        answer = [plain(caution)] if caution else [*_commands(request), _reminder(request)]
        lines += ["", "an answer from here would not count:" if caution else "answer:", *(f"  {a}" for a in answer)]
    return "\n".join(lines) + "\n"


def request_form(request: ApprovalRequest, votes: Sequence[Vote] = (), *, link: str = "") -> str:
    """What stands above the fields of the form: short, so that the fields are seen without scrolling.

    Args:
        request: that is asked.
        votes: those that count.
        link: of its page in the console; empty where there is none.
    """
    facts = request_facts(request, votes)
    kept = ("who may approve", "so far", "answer by", "policy rule", "plan", "asked by", "records")
    # What counts most stands first: where the fields need the room, the page cuts off the end of this text.
    shown = {**{name: facts[name] for name in kept if name in facts}, **shown_parameters(request)}
    lines = [f"**{prose(request.reason)}**", "", _elsewhere(link), ""]
    lines += [
        f"- {code(step)}: {prose(what, 120)}, tier {tier}" for step, what, tier in covered_steps(request)[:_SHOWN]
    ]
    lines += [f"- {prose(name)}: {prose(text, 200)}" for name, text in shown.items()]
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
        *(
            f"| {name} | {code(text, cell=True, limit=400)} |"
            for name, text in request_facts(request, votes).items()
            if name != "why"  # it stands above
        ),
    ]
    if steps := covered_steps(request):
        lines += ["", "An answer covers:", "", "| step | what | tier |", "| --- | --- | --- |"]
        lines += ["| " + " | ".join(code(cell, cell=True, limit=200) for cell in row) + " |" for row in steps]
    parameters = shown_parameters(request)
    if parameters:
        lines += ["", "| parameter | value |", "| --- | --- |"]
        lines += [f"| {code(name, cell=True)} | {code(shown, cell=True)} |" for name, shown in parameters.items()]
    if votes:
        lines += ["", "Votes:", "", *(f"- {prose(line)}" for line in vote_lines(votes))]
    if request.state is RequestState.PENDING:
        lines += ["", "How to answer:", "", "```", *_commands(request), "```", "", prose(_reminder(request))]
        if form:
            lines += ["", prose(form)]
    return "\n".join(lines) + "\n"


def requests_form(requests: Sequence[ApprovalRequest], votes: Sequence[Vote] = (), *, link: str = "") -> str:
    """As :func:`request_form`, for requests that wait side by side. ``votes`` are those of a single one."""
    if len(requests) == 1:
        return request_form(requests[0], votes, link=link)
    waiting = f"**{len(requests)} requests wait.** A token answers the one that it was made for:"
    lines = [_elsewhere(link), "", waiting, ""]
    lines += [f"- {code(one.request_id)} {prose(step_of(one))}: {prose(one.reason, 120)}" for one in requests[:_SHOWN]]
    lines += [f"- and {len(requests) - _SHOWN} more"] if len(requests) > _SHOWN else []
    return "\n".join(lines) + "\n"


def _elsewhere(link: str) -> str:
    """Where else the question can be read and answered."""
    artifacts = "The whole question is on the run's Artifacts tab: govflow-approval, govflow-plan."
    return f"[Answer in the console]({link}), or with a token below. {artifacts}" if link else artifacts


def requests_markdown(requests: Sequence[ApprovalRequest], *, form: str | None = None) -> str:
    """Requests that wait side by side, as a page; each has a page of its own in ``govflow approvals show``."""
    lines = [
        "### Approvals",
        "",
        "| request | state | step | tier | why | until |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in requests[:_LISTED]:
        cells = (one.request_id, str(one.state), step_of(one), str(int(one.tier)), one.reason, moment(one.expires_at))
        lines.append("| " + " | ".join(code(cell, cell=True, limit=200) for cell in cells) + " |")
    if len(requests) > _LISTED:
        lines += ["", f"And {len(requests) - _LISTED} more."]
    if any(one.state is RequestState.PENDING for one in requests):
        commands = ["govflow approvals show ID", "govflow approvals approve ID --as NAME"]
        lines += ["", "How to answer each:", "", "```", *commands, "```"]
        lines += ["", prose(form)] if form else []
    return "\n".join(lines) + "\n"


def moment(at: datetime) -> str:
    """A time for people."""
    return at.strftime("%Y-%m-%d %H:%M UTC")


def request_facts(request: ApprovalRequest, votes: Sequence[Vote]) -> dict[str, str]:
    """What there is to know of a request, in the order in which people ask; name to text."""
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
        "step": step_of(request),
        "standing approval": _standing(said.get("standing")),
        "approved under": _under(said.get("under")),
        "asked by": request.requester,
        "owned by": ", ".join(request.owners),
        "who may approve": who_may_approve(request.rule, request.requester),
        "so far": _so_far(request, votes),
        "asked at": moment(request.created_at),
        "answer by" if request.state is RequestState.PENDING else "until": moment(request.expires_at),
        "plan": said.get("compared"),
        "ir hash": binding.ir_hash,
        "note": said.get("note"),
    }
    return {name: str(text) for name, text in facts.items() if text not in (None, "")}


def covered_steps(request: ApprovalRequest) -> list[tuple[str, str, str]]:
    """The steps that an answer for a whole plan covers: step, what it does, tier. Empty for one step's request."""
    steps = redact(request.summary).get("steps")
    rows = [step for step in steps if isinstance(step, Mapping)] if isinstance(steps, (list, tuple)) else []
    return [
        (str(step.get("step_id")), f"{step.get('action')} {step.get('resource')}", str(step.get("tier")))
        for step in rows
    ]


def shown_parameters(request: ApprovalRequest) -> dict[str, str]:
    """The bound parameters of the step, secrets masked; name to text."""
    given = request.summary.get("parameters")
    return values(given) if isinstance(given, Mapping) else {}


def _so_far(request: ApprovalRequest, votes: Sequence[Vote]) -> str:
    """How far an open question is; nothing for one that one person decides, or that is decided."""
    if request.state is not RequestState.PENDING or (fewest(request.rule) == 1 and not request.rule.stages):
        return ""
    if request.rule.stages:
        return "; ".join(progress_text(progress(request, votes, request.created_at)))
    return f"{len(progress(request, votes, request.created_at).approved_by)} of {request.rule.required} have said yes"


def vote_lines(votes: Sequence[Vote]) -> list[str]:
    """A line for each vote: who, how that was established, what, when and why."""
    return [
        f"{vote.principal} ({vote.assurance}){_by_right(vote)}: {vote.decision} at {moment(vote.at)}"
        + (f": {vote.reason}" if vote.reason else "")
        for vote in votes
    ]


def _by_right(vote: Vote) -> str:
    if vote.kind is VoteKind.BREAK_GLASS:
        return ", alone in an emergency"
    stead = f", in the stead of {' and '.join(reversed(vote.through))}" if vote.through else ""
    if vote.kind is VoteKind.WITHDRAWN:
        return f"{stead}, counts no more (deactivated since)"
    return stead


def _standing(terms: Any) -> str:
    """What a request for a standing approval would let through, in words."""
    if not isinstance(terms, Mapping):
        return ""
    return f"{terms.get('runs')} runs until {terms.get('until')}; nobody waits for the answer"


def _under(standing: Any) -> str:
    """By which standing approval a request was let through, in words."""
    if not isinstance(standing, Mapping):
        return ""
    people = standing.get("approved_by")
    names = ", ".join(map(str, people)) if isinstance(people, (list, tuple)) else ""
    return f"standing approval {standing.get('standing')}, by {names}"


def _commands(request: ApprovalRequest) -> list[str]:
    name = plain(request.request_id)
    return [
        f"govflow approvals approve {name} --as NAME",
        f'govflow approvals deny {name} --as NAME --reason "WHY"',
    ]


def _reminder(request: ApprovalRequest) -> str:
    asker, count = plain(request.requester), request.rule.deny_threshold
    no = "one no ends" if count == 1 else f"{count} people who say no end"
    if request.summary.get("wait") == "standing":
        return f"NAME is your own name, not {asker}. Nobody waits for the answer; {no} the request."
    return f"NAME is your own name, not {asker}. The step waits meanwhile; {no} the request and the step."
