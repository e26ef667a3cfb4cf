"""Bodies and answers of the REST API. Times are ISO 8601 in UTC; ``next`` is given back as ``before``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from govflow.approval import ApprovalRequest, RequestState, Vote, VoteDecision
from govflow.approval.models import Delegation, Standing

Reason = Annotated[str, StringConstraints(max_length=2000)]
NEWEST = "The `next` of the page before; nothing for the newest."


class Model(BaseModel):
    """What all have in common: nothing is taken that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Me(Model):
    """Who calls, as the policy and the store know it."""

    name: str
    roles: tuple[str, ...]
    selectors: tuple[str, ...] = Field(description="What an approval rule may name you by.")
    method: str = Field(description="How you are known: api_key, jwt, link or oidc.")
    expires_at: datetime | None = Field(description="When that ends; null for a key without an end.")
    tenant: str
    form_token: str = Field(description="For a session's calls that change something; empty with a key.", repr=False)
    waiting: str = Field(description="How many requests ask you, counted up to 1000: `12`, or `1000+`.")


class ListedRequest(Model):
    """A request as a list shows it."""

    request_id: str
    state: RequestState
    flow: str
    step_id: str
    run_id: str
    map_index: int | None = Field(description="Which of a mapped step's calls; null where it is not mapped.")
    requester: str
    tier: int = Field(description="0 minimal, 1 low, 2 medium, 3 high.")
    rule: str = Field(description="The approval rule.")
    action: str
    resource: str
    created_at: datetime
    state_at: datetime = Field(description="When it came into its state.")
    expires_at: datetime


class Requests(Model):
    """A page of requests, newest first."""

    requests: tuple[ListedRequest, ...]
    next: int | None = Field(description="Give it as `before` for the next page; null at the end.")


class StopAnswer(Model):
    """One stop of a run, in the words of its state."""

    where: str = Field(description="The step, or the flow.")
    code: str = Field(description="Stable.")
    sentence: str = Field(description="What the run's state says, word for word.")
    page: str = Field(description="Where the code is explained, in the documentation.")
    stands: bool = Field(description="Whether it holds the run, or held it; not so in observe mode.")
    rule: str = Field(description="The policy rule; empty where none decided.")
    tier: int | None
    who: str = Field(description="Who may approve; empty where nobody is asked.")
    until: str
    passes: str = Field(description="What would make it pass.")
    request_id: str
    link: str = Field(description="The request's page in the console; empty where none is configured.")


class RequestAnswer(ApprovalRequest):
    """A request: what is asked, of whom, why, until when, and how far it is. Secrets in its summary are hidden."""

    votes: tuple[Vote, ...] = Field(
        description="First cast first; of kind `withdrawn` where one does not count any more."
    )
    needed: int = Field(description="People who still have to say yes; 0 unless it is pending.")
    why: str = Field(description="The reason of its last move; may be empty.")
    stop: StopAnswer | None = Field(description="What the run says while this holds it, or where it ended the run.")


class VoteAnswer(RequestAnswer):
    """The request with your answer counted."""

    resumed: str = Field(description="What became of a run that was suspended, in words; empty where a process waits.")


class VoteBody(Model):
    """A yes or a no."""

    decision: VoteDecision
    reason: Reason = Field(default="", description="In your words, for the record.")


class TokenVoteBody(VoteBody):
    """A yes or a no by whoever holds the token; nobody has to be signed in."""

    token: str = Field(
        max_length=200, description="The single-use secret that `POST …/tokens` or the terminal gave.", repr=False
    )


class ReasonBody(Model):
    """Why."""

    reason: Reason = Field(default="", description="In your words, for the record.")


class TokenVoteAnswer(Model):
    """What a vote with a token led to; no more is told to a token."""

    request_id: str
    state: RequestState
    resumed: str = Field(description="What became of a run that was suspended, in words; empty where a process waits.")


class Token(Model):
    """A single-use secret. It is shown once and stored nowhere."""

    request_id: str
    principal: str = Field(description="Who alone can vote with it.")
    token: str = Field(repr=False)


class ListedRunAnswer(Model):
    """A governed run as a list shows it."""

    run_id: str
    flow: str
    requester: str
    opened_at: datetime
    end: Literal["unknown", "open", "refused", "failed", "done"]
    ir_hash: str
    policy_digest: str


class Runs(Model):
    """A page of runs, newest first."""

    runs: tuple[ListedRunAnswer, ...]
    next: str | None = Field(description="Give it as `before` for the next page; null at the end.")


class StepAnswer(Model):
    """One step of a run: what was decided, and what became of it."""

    step_id: str
    tier: int | None
    verdict: str = Field(description="pass, escalate or reject; empty where nothing was decided.")
    rule: str
    calls: int = Field(description="Bodies that were started.")
    succeeded: int
    failed: int
    cached: int
    uncertain: bool = Field(description="A body was started, and how it ended is not known.")
    refusals: dict[str, str] = Field(description="Reason to code.")
    requests: tuple[str, ...] = Field(description="Approval requests that let it run.")


class ApprovalAnswer(Model):
    """A request of the run, and who answered when."""

    request_id: str
    step_id: str
    state: RequestState
    why: str
    requester: str
    created_at: datetime
    votes: tuple[Vote, ...]


class FindingAnswer(Model):
    """Something that does not conform."""

    code: str
    words: str


class ReceiptSignature(Model):
    """By the key of the log."""

    keyid: str = Field(description="`NAME+KEYID` of its verifier key.")
    sig: str = Field(description="Ed25519, in base64.")


class ReceiptAnswer(Model):
    """A DSSE envelope; docs/receipts.md says what is in it."""

    payload: str = Field(description="An in-toto statement, in base64.")
    payloadType: Literal["application/vnd.in-toto+json"]
    signatures: tuple[ReceiptSignature, ...]


class RunAnswer(Model):
    """What the log holds of a run."""

    run_id: str
    flow: str
    end: Literal["unknown", "open", "refused", "failed", "done"]
    mode: str
    environment: str
    requester: str
    assurance: str = Field(description="How the requester is known.")
    standing: str = Field(description="How it stands, in words.")
    stops: tuple[StopAnswer, ...] = Field(description="What waits for people comes first.")
    attempts: int
    opened_at: str
    closed_at: str = Field(description="Empty while it is open.")
    ir_hash: str
    plan_hash: str
    policy_digest: str
    failed: str = Field(description="Type of the exception that the flow raised; empty if none.")
    steps: tuple[StepAnswer, ...]
    approvals: tuple[ApprovalAnswer, ...]
    findings: tuple[FindingAnswer, ...]
    records: int = Field(description="Records of it in the audit log.")
    first: int = Field(description="Place of the first of them.")
    last: int
    last_hash: str = Field(description="Hash of the last of them, which stands for all of the log before it.")
    whole: bool = Field(description="Whether all of its records were read.")


class RecordAnswer(Model):
    """A record of the audit log. Values that it only commits to are not in it."""

    seq: int
    hash: str
    fields: dict[str, str] = Field(description="at, event, severity, subject, run_id, flow, step_id.")
    payload: dict[str, JsonValue]
    commitments: tuple[str, ...] = Field(description="Names of values that lie elsewhere and can be erased.")
    readable: bool = Field(description="False where the bytes are no record: verify the log.")


class Records(Model):
    """A page of records, newest first. It may be short and still have a `next`: a search looks back only so far."""

    records: tuple[RecordAnswer, ...]
    next: int | None


class RuleAnswer(Model):
    """A policy rule."""

    name: str
    description: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    subjects: tuple[str, ...]
    conditions: dict[str, JsonValue]
    priority: int
    approval: str | None
    mode: str
    level: str


class LayerAnswer(Model):
    """One policy, the only one or one of several that hold together."""

    layer: str
    name: str
    where: str
    digest: str
    combining: str
    default_effect: str
    files: tuple[str, ...]
    signed_by: str
    signed_at: datetime | None
    rules: tuple[RuleAnswer, ...]


class PolicyAnswer(Model):
    """The policy in force."""

    digest: str = Field(description="What decisions and approvals are bound to.")
    mode: str
    environment: str
    explicit: bool = Field(description="False for the starter policy, where none is configured.")
    layers: tuple[LayerAnswer, ...]
    approvals: tuple[dict[str, JsonValue], ...] = Field(description="Approval rules.")


class DelegationBody(Model):
    """Who answers in your stead, for what, and until when."""

    to: str = Field(max_length=128, description="The name of who takes.")
    until: AwareDatetime
    request_id: str | None = Field(default=None, max_length=200, description="For this request alone.")
    rule: str | None = Field(default=None, max_length=200, description="For requests of this approval rule alone.")
    depth: int = Field(default=0, ge=0, le=8, description="How often the taker may hand it on.")
    reason: Reason = ""


class Delegations(Model):
    """Delegations that you gave or take, and that are in force, the newest first."""

    delegations: tuple[Delegation, ...]


class StandingBody(Model):
    """What a step may do in more than one run, once people have approved it."""

    flow: str = Field(max_length=500)
    step_id: str = Field(max_length=500)
    runs: int = Field(ge=1, le=2**31, description="How many runs it lets through.")
    until: AwareDatetime
    where: dict[str, JsonValue] = Field(
        default_factory=dict, description="Parameter to the value that it has to have, or a list of values."
    )
    reason: Reason = ""


class StandingAnswer(Model):
    """A standing approval with what it is good for now."""

    standing: Standing
    state: RequestState = Field(description="Of the request that asks people for it.")
    good_for: str = Field(description="`in force`, or why it is not.")


class StandingApprovals(Model):
    """Standing approvals of the tenant, the newest first."""

    standing: tuple[StandingAnswer, ...]


class ReviewAnswer(Model):
    """An emergency, and what somebody else found about it."""

    request_id: str
    principal: str = Field(description="Who let it run.")
    at: datetime
    due_at: datetime
    reviewed_by: str | None
    reviewed_at: datetime | None
    finding: str


class Reviews(Model):
    """Emergencies, the one whose review is due first before the others."""

    reviews: tuple[ReviewAnswer, ...]


class InStead(Model):
    """Somebody who may answer for another."""

    name: str
    through: tuple[str, ...]


class LeftOut(Model):
    """Somebody who cannot answer."""

    name: str
    why: str


class DecidersAnswer(Model):
    """Who may decide a request now."""

    needed: int = Field(description="The fewest further people.")
    asks: tuple[str, ...] = Field(description="Selectors that are asked now.")
    now: tuple[str, ...] = Field(description="People known by name whose yes would count now.")
    anyone: bool = Field(description="Whether people may decide who are not known by name.")
    stead: tuple[InStead, ...]
    alone: tuple[str, ...] = Field(description="Who may let it run in an emergency.")
    excluded: tuple[LeftOut, ...]
