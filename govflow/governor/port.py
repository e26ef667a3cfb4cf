"""What the governor asks of the world, and the two drivers that carry its questions there.

The governor is sans-I/O: a check is a generator that yields a :class:`Command` and receives its answer. Every command
is one call of a :class:`Port`. The sync driver makes that call at once; the async one makes it in a thread, so that a
user's event loop never waits for a database or for a person. Both run the same generators: the rules exist once.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from pydantic import JsonValue

from govflow.approval.models import ApprovalRequest, ApprovalRule, Binding, RequestState
from govflow.audit.record import Ack, Draft
from govflow.audit.template import Template
from govflow.ir.models import Plan, Tier

if TYPE_CHECKING:
    from govflow.governor.governed_run import GovernedRun
    from govflow.ir.manifest import Manifest

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

    def append(self, record: Draft, *, durable: bool) -> Ack:
        """Write a record; an ``ir.*`` record is published as an event too."""

    async def aappend(self, record: Draft) -> Ack:
        """As :meth:`append`, durably; the event loop goes on meanwhile."""

    def fill(self, template: Template, attempt: int, task_run_id: str) -> None:
        """Write the record that a template makes now, not durably: for calls that wait for nothing."""

    def filler(self) -> Callable[[Template, int, str], None]:
        """What does the same in the fewest steps, for whoever holds on to it while the run is open."""

    def is_deactivated(self, tenant: str, principal: str) -> bool:
        """Whether nobody may act under that name any more, in any spelling."""

    def tenant_of(self, run_id: str) -> str | None:
        """The tenant that a run was opened under; None for a new run."""

    def note_policy(self, draft: Draft) -> None:
        """Put on record that runs are decided by another policy than before, if they are.

        ``draft`` says who opens which run; its event and payload are those of the change.
        """

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

    def use_standing(
        self,
        request: ApprovalRequest,
        draft: Draft,
        plan_hash: str,
        parameters: Callable[[], Mapping[str, JsonValue]],
    ) -> ApprovalRequest | None:
        """Open a request and approve it at once, under a standing approval that covers it; None where none does.

        ``parameters`` makes those of the call that may be compared.
        """

    def plan_of(self, tenant: str, plan_hash: str) -> Plan | None:
        """A plan that was approved under that hash, in force or not."""

    def policy_changes(self, tenant: str, before: str, after: str) -> Sequence[str]:
        """What changed from one policy digest to the one that took its place, in words; empty where it is not known."""

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

    def run_opened(self) -> None:
        """Told that a run goes on in this process from now on."""

    def run_ended(self, *, whole: bool) -> None:
        """Told that it ended here, all on record; ``whole`` unless it is part of another run. Never fails."""

    def outcome_of(self, request_id: str) -> str | None:
        """How the body that a request allowed has ended: ``open`` while it runs, or if nobody knows."""

    def earlier(self, tenant: str, run_id: str, attempt: int) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """For each step of tier 2 or 3, what another process did under this attempt of a run.

        Each holds ``call`` (a digest of its parameters, or None) and ``state``: ``succeeded``, ``failed``, ``open``.
        """

    def why(self, request_id: str) -> str:
        """Why a request was withdrawn or voided, in words."""

    def issue_permit(self, run: GovernedRun, manifest: Manifest) -> None:
        """Let other processes run parts of this run: sign and keep what it may do, and what they rebuild it from."""

    def take_place(
        self, run_id: str, step_id: str, task_run_id: str, *, wanted: Sequence[int], after: int, limit: int | None
    ) -> int | None:
        """Take a call of a step for one task run, among all processes; None when ``limit`` others have."""

    def clear_places(self, run_id: str) -> None:
        """Forget which calls of a run were taken: it begins."""

    def end_permit(self, tenant: str, run_id: str) -> None:
        """Let no other process begin with parts of this run any more: it has ended."""

    def steps_started(self, tenant: str, run_id: str) -> frozenset[str]:
        """The steps whose body was let run for this run, in whatever process."""

    def denials(self, request_id: str) -> Mapping[str, str]:
        """Who denied a request, and the reason that each gave."""


@dataclass(frozen=True, slots=True)
class Command:
    """One question to the world."""

    perform: Callable[[Port], Any]
    abandon: Callable[[Port], None] | None = None  # for what may take days: how to make ``perform`` give up
    aperform: Callable[[Port], Awaitable[Any]] | None = None  # the same without a thread, where there is a way
    waits: bool = True  # else not worth a thread

    @classmethod
    def append(cls, draft: Draft, *, durable: bool) -> Command:
        """Write a record."""
        return cls(
            lambda port: port.append(draft, durable=durable),
            aperform=(lambda port: port.aappend(draft)) if durable else None,
        )


NOW: Final = Command(lambda port: port.now(), waits=False)
EXECUTOR: Final = Command(lambda port: port.executor, waits=False)

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
    """Run ``steps`` to its end, each command that may wait in a worker thread, or as what can be awaited."""
    try:
        command = next(steps)
        while True:
            try:
                answer = await _awaited(command, port)
            except Exception as error:  # noqa: BLE001 - every failure belongs to the check that asked
                command = steps.throw(error)
            else:
                command = steps.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


async def _awaited(command: Command, port: Port) -> Any:
    if command.aperform is not None:
        return await command.aperform(port)
    if not command.waits:
        return command.perform(port)
    if command.abandon is None:
        return await asyncio.to_thread(command.perform, port)
    # What may take days gets a thread of its own: the event loop's few are for what is short, and votes are short.
    try:
        return await _in_own_thread(lambda: command.perform(port))
    except asyncio.CancelledError:
        # The thread cannot be cancelled; without a word it would wait on.
        command.abandon(port)
        raise


async def _in_own_thread(wait: Callable[[], Any]) -> Any:
    done: Future[Any] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            done.set_result(context.run(wait))
        except BaseException as error:  # noqa: BLE001 - handed to whoever awaits it
            done.set_exception(error)

    threading.Thread(target=run, name="govflow-waiting").start()
    return await asyncio.shield(asyncio.wrap_future(done))
