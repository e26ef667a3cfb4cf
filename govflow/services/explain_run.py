"""Why a run is where it is: every stop of it, in the words of its state, with what would make it pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from govflow.approval.models import ApprovalRequest, RequestState, Vote, VoteDecision
from govflow.audit.body import parse_body
from govflow.errors import told
from govflow.governor.explain import decided_against, question, step_of, steps_missing, who_may_approve
from govflow.services.describe.questions import moment
from govflow.services.findings import RULES
from govflow.services.links import console_link
from govflow.services.run_receipt import RunReceipt, run_receipt
from govflow.services.workspace import Workspace

PENDING: Final = "approval-pending"
"""The code of a question that waits: nothing is wrong, so no error has it."""
_MOST: Final = 200  # refusals of one run that are told; a loop may make thousands of the same
_AGAINST: Final = (RequestState.DENIED, RequestState.EXPIRED, RequestState.REVOKED, RequestState.VOIDED)


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop of a run.

    Attributes:
        where: the step, or the flow.
        code: stable.
        sentence: what the run's state says, word for word.
        page: where the code is explained.
        stands: whether it holds the run, or held it; not so in observe mode, and for a void approval asked for anew.
        rule: the policy rule; empty where none decided.
        tier: of the step; None where nothing was judged.
        who: who may approve; empty where nobody is asked.
        until: when that is over; empty likewise.
        passes: what would make it pass.
        request_id: empty where nobody was asked.
        link: the request's page in the console, where one is configured.
    """

    where: str
    code: str
    sentence: str
    page: str
    stands: bool = True
    rule: str = ""
    tier: int | None = None
    who: str = ""
    until: str = ""
    passes: str = ""
    request_id: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class RunExplanation:
    """A run with its stops, what waits first."""

    receipt: RunReceipt
    stops: tuple[Stop, ...]

    @property
    def waits(self) -> bool:
        """Whether people are asked."""
        return any(stop.code == PENDING for stop in self.stops)


def page_of(code: str) -> str:
    """Where a code is explained: the page of the rule of that name, else its part of the page of stops."""
    rule = next((rule.code for rule in RULES.values() if rule.name == code), None)
    return f"docs/rules/{rule}.md" if rule else f"docs/stops.md#{code}"


def explain_run(workspace: Workspace, run_id: str) -> RunExplanation:
    """All stops of a run.

    Raises:
        RequestError: the log of this tenant has no record of it.
        StoreError: the database cannot be used.
    """
    receipt = run_receipt(workspace, run_id)
    asked = [stop_of_request(workspace, one.request, one.votes, one.why) for one in receipt.approvals]
    stops = [stop for stop in asked if stop is not None]
    said = {stop.sentence for stop in stops}
    for event in ("run.refused", "step.refused"):
        for entry in workspace.store.tail(workspace.settings.tenant, _MOST, run_id=run_id, event=event):
            stop = stop_of_record(parse_body(entry.body))
            if stop.sentence not in said:
                said.add(stop.sentence)
                stops.append(stop)
    for entry in workspace.store.tail(workspace.settings.tenant, _MOST, run_id=run_id, event="run.closed"):
        left_out = stop_of_end(parse_body(entry.body), enforced=receipt.mode == "enforce")
        if left_out is not None and left_out.sentence not in said:
            said.add(left_out.sentence)
            stops.append(left_out)
    return RunExplanation(receipt, tuple(sorted(stops, key=lambda stop: stop.code != PENDING)))


def stop_of(workspace: Workspace, request: ApprovalRequest, votes: tuple[Vote, ...]) -> Stop | None:
    """As :func:`stop_of_request`, with why the request is as it is from the store."""
    return stop_of_request(workspace, request, votes, workspace.store.approvals.why(request.request_id))


def stop_of_request(workspace: Workspace, request: ApprovalRequest, votes: tuple[Vote, ...], why: str) -> Stop | None:
    """What a request says of its run; None for one that let it go on."""
    given: dict[str, Any] = {
        "where": step_of(request),
        "rule": request.policy_rule,
        "tier": int(request.tier),
        "who": who_may_approve(request.rule, request.requester),
        "until": moment(request.expires_at),
        "request_id": request.request_id,
        "link": console_link(workspace.settings, request.request_id),
    }
    if request.state is RequestState.PENDING:
        passes = f"govflow approvals approve {request.request_id} --as NAME"
        return Stop(code=PENDING, sentence=question(request), page=page_of(PENDING), passes=passes, **given)
    if request.state not in _AGAINST:
        return None
    denials = {vote.principal: vote.reason for vote in votes if vote.decision is VoteDecision.DENY}
    note = why if request.state in (RequestState.REVOKED, RequestState.VOIDED) else ""
    refused = decided_against(request, denials, note)
    stands = request.state is not RequestState.VOIDED
    return Stop(
        code=refused.code,
        sentence=str(refused),
        page=page_of(refused.code),
        stands=stands,
        passes=refused.mend,
        **given,
    )


def stop_of_end(body: dict[str, Any], *, enforced: bool) -> Stop | None:
    """What the record of a run's end says of steps that did not run; None if none is missing."""
    missing = [str(one) for one in body["payload"].get("missing") or ()]
    if not missing:
        return None
    refused = steps_missing(str(body.get("flow") or ""), missing)
    return Stop(
        where="the flow, after its last line",
        code=refused.code,
        sentence=str(refused),
        page=page_of(refused.code),
        stands=enforced,
        passes=refused.mend,
    )


def stop_of_record(body: dict[str, Any]) -> Stop:
    """What a record of a refusal says."""
    payload = body["payload"]
    code, mend = str(payload.get("code")), str(payload.get("mend") or "")
    return Stop(
        where=str(body.get("step_id") or "the flow, before its first line"),
        code=code,
        sentence=told(str(payload.get("reason")), code, mend),
        page=page_of(code),
        stands=bool(payload.get("stopped")),
        rule=str(payload.get("rule") or ""),
        tier=payload.get("tier"),
        passes=mend,
    )
