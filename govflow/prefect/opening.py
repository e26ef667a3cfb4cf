"""Opening a governed flow run, and closing it: what its body does before its first line and after its last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import uuid4

from prefect.exceptions import Pause

from govflow.governor.call import Call, Grant
from govflow.governor.governed_run import GovernedRun, RunFacts
from govflow.governor.plan_approval import approve_plan
from govflow.governor.port import drive
from govflow.governor.run import SUSPENDED, close_run, open_run
from govflow.governor.step import after, before
from govflow.prefect.artifacts import publish_plan
from govflow.prefect.elsewhere import share_run
from govflow.prefect.port import PrefectPort
from govflow.prefect.runtime import RUNTIME, Active
from govflow.prefect.time_limits import uninterrupted
from govflow.prefect.waiting import ask_first, ask_for_plan


@dataclass(slots=True)
class Opening:
    """A run that is about to be opened."""

    facts: RunFacts
    port: PrefectPort
    active: Callable[[GovernedRun], Active]
    parent: Active | None
    parent_call: Call | None  # the subflow step of the parent's plan that this run is


@dataclass(slots=True)
class Opened:
    """An open run with the grants that its end has to close."""

    active: Active
    port: PrefectPort
    body: Grant
    parent: Active | None
    parent_grant: Grant | None
    held: bool  # this process holds the run, so that it can be told from one whose process is gone


def why_left(error: BaseException) -> str:
    """What a body was left by, for the records: a suspended one goes on in another process."""
    return SUSPENDED if isinstance(error, Pause) else type(error).__name__


def _new_id() -> str:
    return str(uuid4())


def _body_call(run: GovernedRun) -> Call:
    """The flow's own body as a step: its effects need their approval before the flow's first line."""
    facts = run.facts
    step_ids = frozenset(s for s, p in run.permits.items() if p.step.kind == "body")
    return Call(step_ids, facts.flow, facts.run_id, facts.attempt, parameters=lambda: facts.parameters)


def open_flow(opening: Opening) -> Opened:
    """Decide about a run, and hold it from before its first record to after its last.

    Raises:
        Refused: enforce mode, and the answer is no.
        Pause: the run is suspended.
        GovflowError: enforce mode, and there is no answer.
    """
    parent, call = opening.parent, opening.parent_call
    parent_grant = drive(before(parent.run, call, str(uuid4())), parent.port) if parent and call else None
    held = False
    try:
        held = opening.port.hold(opening.facts.run_id)
        run = drive(open_run(opening.facts), opening.port)
        publish_plan(run)
        if opening.facts.suspends:
            ask_for_plan(run, opening.port)
        drive(approve_plan(run, _new_id), opening.port)
        if opening.facts.suspends:
            ask_first(run, opening.port, [_body_call(run)])
        body = drive(before(run, _body_call(run), str(uuid4())), opening.port)
        share_run(run, opening.facts.elsewhere, opening.port)
    except BaseException as error:
        if held:
            opening.port.let_go(opening.facts.run_id)
        if parent and parent_grant:
            drive(after(parent.run, parent_grant, type(error).__name__), parent.port)
        raise
    active = opening.active(run)
    RUNTIME.opened(active)
    opening.port.run_opened()
    return Opened(active, opening.port, body, parent, parent_grant, held)


def close_flow(opened: Opened, failed: str | None) -> None:
    """Put on record how a body ended; ``failed`` is what it was left by, None if it returned."""
    active = opened.active
    try:
        drive(after(active.run, opened.body, failed), active.port)
        drive(close_run(active.run, failed=failed), active.port)
    except BaseException as error:
        failed = failed or type(error).__name__
        raise
    finally:
        RUNTIME.closed(active)
        try:
            active.port.flush()
        except BaseException as error:
            failed = failed or type(error).__name__
            raise
        finally:
            _let_go(opened, failed)


def _let_go(opened: Opened, failed: str | None) -> None:
    """Give back what a run holds, each whatever becomes of the others: the database may be away."""
    active = opened.active
    with ExitStack() as last:  # from the last to the first
        last.callback(active.port.run_ended, whole=opened.parent is None)
        if opened.parent and opened.parent_grant:
            last.callback(drive, after(opened.parent.run, opened.parent_grant, failed), opened.parent.port)
        if opened.held:
            last.callback(opened.port.let_go, active.run.facts.run_id)


async def aclose_flow(opened: Opened, failed: str | None) -> None:
    """:func:`close_flow` in a thread, to its end also where the body was cancelled."""
    await uninterrupted(asyncio.to_thread(close_flow, opened, failed))
