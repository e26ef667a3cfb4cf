"""What the governor asks of the world, and the two drivers that carry its questions there.

The governor is sans-I/O: a check is a generator that yields a :class:`Command` and receives its answer. Every command
is one call of a :class:`Port`. The sync driver makes that call at once; the async one makes it in a thread, so that a
user's event loop never waits for a database or for a person. Both run the same generators: the rules exist once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from govflow.approval.models import ApprovalRequest, ApprovalRule, Binding, RequestState
from govflow.audit.record import Ack, Draft
from govflow.audit.template import Filled
from govflow.ir.models import Plan, Tier

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ApprovedPlan:
    """A plan that a principal approved, as the store recorded it."""

    plan: Plan
    plan_hash: str
    principal: str
    at: datetime
    trusted: bool = False  # taken on first use in development; nobody approved it


@dataclass(frozen=True, slots=True)
class RunRow:
    """What the store keeps of a run: written once, read by whoever continues it."""

    run_id: str
    ir_hash: str
    salt: bytes  # 32 random bytes: salts the parameter digests of this run's approvals
    opened_before: bool  # another execution of this run wrote it


class Port(Protocol):
    """The world, as the governor sees it. Each method may wait; each raises ``StoreError`` when it cannot answer."""

    executor: str  # names this execution: one process, one claim

    def now(self) -> datetime:
        """The time, aware and in UTC."""

    def append(self, record: Draft | Filled, *, durable: bool) -> Ack:
        """Write a record; an ``ir.*`` record is published as an event too."""

    def tenant_of(self, run_id: str) -> str | None:
        """The tenant that a run was opened under; None for a new run."""

    def approved_plan(self, tenant: str, flow: str) -> ApprovedPlan | None:
        """The plan that was last approved for this flow."""

    def trust_plan(self, tenant: str, flow: str, plan: Plan, plan_hash: str, principal: str, draft: Draft) -> None:
        """Record the first plan seen of a flow as the one to compare with (development only)."""

    def save_run(
        self,
        run_id: str,
        tenant: str,
        flow: str,
        ir_hash: str,
        policy_digest: str,
        requester: str,
        permit: Mapping[str, Any],
    ) -> RunRow:
        """Record a run; the same run id and IR again returns the row that is there."""

    def rule(self, name: str | None, tier: Tier) -> ApprovalRule:
        """The approval rule of that name, or the one for that tier."""

    def requests(self, tenant: str, run_id: str, step_id: str, map_index: int | None) -> list[ApprovalRequest]:
        """Approval requests for one call, newest first."""

    def requests_of_step(self, tenant: str, run_id: str, step_id: str) -> list[ApprovalRequest]:
        """Approval requests for every map index of a step, newest first."""

    def open_request(self, request: ApprovalRequest, draft: Draft) -> ApprovalRequest:
        """Ask people. A request with the same binding that is still open is returned instead."""

    def await_decision(self, request: ApprovalRequest) -> ApprovalRequest:
        """Wait until the request is not pending any more, or is abandoned. May take days."""

    def abandon(self, request_id: str) -> None:
        """Nobody waits for this request any more: a thread that does comes back at once."""

    def claim(self, request: ApprovalRequest, attempts_allowed: int, draft: Draft) -> bool:
        """Claim an approved request for this executor, once."""

    def claim_retry(self, request: ApprovalRequest, binding: Binding) -> bool:
        """Claim another automatic attempt of a request that this executor exercised, for the same binding."""

    def outcome(self, request_id: str, outcome: str) -> None:
        """Record how the body that a request allowed has ended."""

    def move(self, request_id: str, to: RequestState, reason: str) -> bool:
        """Void or revoke a request."""

    def flush(self) -> None:
        """Bring records that wait in this process into the log."""

    def denials(self, request_id: str) -> Mapping[str, str]:
        """Who denied a request, and the reason that each gave."""


@dataclass(frozen=True, slots=True)
class Command:
    """One question to the world."""

    perform: Callable[[Port], Any]
    abandon: Callable[[Port], None] | None = None  # for what may take days: how to make ``perform`` give up


Steps = Generator[Command, Any, T]
"""A part of the governor: yields commands, receives their answers, returns ``T``."""


def drive(steps: Steps[T], port: Port) -> T:
    """Run ``steps`` to its end, each command in this thread."""
    try:
        command = next(steps)
        while True:
            try:
                answer = command.perform(port)
            except Exception as error:  # noqa: BLE001 - every failure belongs to the check that asked
                command = steps.throw(error)
            else:
                command = steps.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


async def adrive(steps: Steps[T], port: Port) -> T:
    """Run ``steps`` to its end, each command in a worker thread."""
    try:
        command = next(steps)
        while True:
            try:
                answer = await _in_thread(command, port)
            except Exception as error:  # noqa: BLE001 - every failure belongs to the check that asked
                command = steps.throw(error)
            else:
                command = steps.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


async def _in_thread(command: Command, port: Port) -> Any:
    try:
        return await asyncio.to_thread(command.perform, port)
    except asyncio.CancelledError:
        # The thread cannot be cancelled; without a word it would wait on, and keep the process from ending.
        if command.abandon is not None:
            command.abandon(port)
        raise
