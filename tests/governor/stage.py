"""Governed runs without an engine: a real database, a real policy file, and people who answer while a run waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from govflow.approval import ApprovalRequest, VoteDecision, judge_vote
from govflow.audit.record import Ack, Draft
from govflow.governor.call import Call, Grant
from govflow.governor.governed_run import GovernedRun, RunFacts
from govflow.governor.port import drive
from govflow.governor.run import close_run, open_run
from govflow.governor.step import after, before
from govflow.ir.hashing import plan_hash
from govflow.ir.lock import plan_key
from govflow.ir.models import Plan
from govflow.services.store_port import StorePort
from govflow.services.workspace import Workspace
from tests.governor.plans import ALICE

POLICY = """
version: 1
policy:
  name: acme
  default: deny
  rules:
    - {name: no-payments, effect: deny, priority: 10, actions: ["payment:create"], description: nobody pays from here}
    - {name: two-say-yes, effect: require_approval, priority: 20, approval: two, conditions: {step.tier: {gte: 3}}}
    - {name: one-says-yes, effect: require_approval, priority: 30, approval: one, conditions: {step.tier: {equals: 2}}}
    - {name: safe, effect: allow, priority: 40, conditions: {step.tier: {lte: 1}}}
approvals:
  one: {required: 1, approvers: ["*"]}
  two: {required: 2, approvers: ["*"]}
"""

Answer = Callable[["People", ApprovalRequest], None]


def nobody_is_asked(port: People, request: ApprovalRequest) -> None:
    """The answer of tests in which no run waits."""
    raise AssertionError(f"a run waits for people: {request.reason}")


class People(StorePort):
    """The port over the store, with people who answer once a run waits for them, and a clock that can be put forward.

    ``durable`` holds, for each record that was appended, its event and whether it had to be durable and was.
    """

    def __init__(self, workspace: Workspace, executor: str) -> None:
        super().__init__(workspace, executor)
        self.answer: Answer = nobody_is_asked
        self.asked: list[ApprovalRequest] = []
        self.later = timedelta()
        self.durable: list[tuple[str, bool, bool]] = []

    def now(self) -> datetime:
        return super().now() + self.later

    def wrote(self, record: Draft, ack: Ack, *, durable: bool) -> None:
        self.durable.append((record.event, durable, ack.durable))

    def await_decision(self, request: ApprovalRequest) -> ApprovalRequest:
        self.asked.append(request)
        self.answer(self, request)
        return super().await_decision(request)


def vote(port: People, request: ApprovalRequest, name: str, decision: VoteDecision, reason: str) -> None:
    """One person's answer."""
    person = port.workspace.principal(name)
    port.store.approvals.vote(
        request.request_id, name, person.selectors(), str(person.assurance), decision, reason, port.now(), judge_vote
    )


def approved_by(*names: str) -> Answer:
    """These people say yes."""

    def answer(port: People, request: ApprovalRequest) -> None:
        for name in names:
            vote(port, request, name, VoteDecision.APPROVE, "looked")

    return answer


def denied_by(name: str, reason: str) -> Answer:
    """This person says no."""
    return lambda port, request: vote(port, request, name, VoteDecision.DENY, reason)


class Killed(BaseException):
    """The process ended here."""


def then_killed(answer: Answer) -> Answer:
    """People answer, and the process ends before it hears of it."""

    def both(port: People, request: ApprovalRequest) -> None:
        answer(port, request)
        raise Killed

    return both


@dataclass
class Stage:
    """One process: a workspace and its port. ``database`` is shared by all stages of a test."""

    workspace: Workspace
    port: People

    def facts(self, a_plan: Plan | None, **changes: Any) -> RunFacts:
        """What an engine would know of run ``run-1`` of flow ``etl``, asked for by alice."""
        given: dict[str, Any] = {
            "run_id": "run-1",
            "flow": "etl",
            "idempotency_key": "key-1",
            "requester": ALICE,
            "ground": self.workspace.ground,
            "vocabulary": self.workspace.vocabulary,
            "plan": a_plan,
            "unbound": None,
            "parameters": {},
        }
        return RunFacts(**(given | changes))

    def open(self, a_plan: Plan | None, **changes: Any) -> GovernedRun:
        """Open a run."""
        return drive(open_run(self.facts(a_plan, **changes)), self.port)

    def call(
        self,
        run: GovernedRun,
        *step_ids: str,
        task_run: str = "task-run-1",
        new_id: str | None = None,
        **fields: Any,
    ) -> Grant:
        """Reach a call, as the call seam of an engine notes it, and put it through the checks.

        ``given`` are the parameters that it binds.
        """
        run.called.update(step_ids)
        parameters: Mapping[str, Any] = fields.pop("given", {})
        call = Call(frozenset(step_ids), "callee", task_run, parameters=lambda: parameters, **fields)
        return drive(before(run, call, new_id or f"request-{len(self.requests())}"), self.port)

    def finish(self, run: GovernedRun, grant: Grant, failed: str | None = None) -> None:
        """Record how a body ended."""
        drive(after(run, grant, failed), self.port)

    def close(self, run: GovernedRun, failed: str | None = None) -> None:
        """Close a run."""
        drive(close_run(run, failed=failed), self.port)

    def approve(self, a_plan: Plan, by: str = "bob") -> None:
        """Put a plan in force, as ``govflow lock --approve`` does."""
        tenant, hashed, now = self.workspace.ground.tenant, plan_hash(a_plan), self.port.now()
        draft = Draft("plan.approved", tenant, now, subject=by, flow=a_plan.flow, payload={"plan_hash": hashed})
        self.port.store.plans.approve(tenant, plan_key(a_plan), a_plan, hashed, by, now, draft)

    def requests(self) -> list[ApprovalRequest]:
        """Every request of the tenant, newest first."""
        return self.port.store.approvals.list(self.workspace.ground.tenant)

    def log(self, *events: str) -> list[dict[str, Any]]:
        """The bodies of the tenant's records in order; only of these events, if some are given."""
        entries = self.port.store.entries(self.workspace.ground.tenant)
        bodies: list[dict[str, Any]] = [json.loads(entry.body) for entry in entries]
        return [body for body in bodies if not events or body["event"] in events]

    def events(self) -> list[str]:
        """The names of the tenant's records, in order."""
        return [body["event"] for body in self.log()]
