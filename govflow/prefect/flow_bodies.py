"""Where a governed run begins and ends: what the engine calls instead of a flow's function."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from prefect.context import FlowRunContext

from govflow.errors import SettingsError, Unplanned
from govflow.governor.port import drive
from govflow.governor.run import GovernedRun, RunFacts, close_run, open_run
from govflow.governor.step import Call, Grant, after, before
from govflow.ir.lock import plan_key
from govflow.prefect.artifacts import publish_plan
from govflow.prefect.likeness import FunctionLike
from govflow.prefect.origins import Origin
from govflow.prefect.port import PrefectPort
from govflow.prefect.runtime import CURRENT, RUNTIME, Active
from govflow.services.locked_plan import locked_plan
from govflow.services.unread_configuration import unread_configuration


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
    body: Grant
    parent: Active | None
    parent_grant: Grant | None


class FlowBody(FunctionLike):
    """A guarded flow function. ``step_ids`` are the subflow steps of the call site, when another flow calls it."""

    def __init__(
        self, fn: Callable[..., Any], step_ids: frozenset[str] = frozenset(), origin: Origin | None = None
    ) -> None:
        super().__init__(fn)
        self.step_ids = step_ids
        self.origin = origin or Origin.of(fn)

    def at(self, step_ids: frozenset[str]) -> FlowBody:
        """The same body, marked with its call site."""
        body = type(self)(self.fn, step_ids, self.origin)
        body._bind_as(self)
        return body

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Decide, then run the function."""
        context = self._own_run()
        if context is None:
            return self.fn(*args, **kwargs)
        opened = _open(self._prepare(context, CURRENT.get()))
        token = CURRENT.set(opened.active)
        try:
            result = self.fn(*args, **kwargs)
        except BaseException as error:
            _close(opened, type(error).__name__)
            raise
        finally:
            CURRENT.reset(token)
        _close(opened, None)
        return result

    def _own_run(self) -> FlowRunContext | None:
        """The run that the engine calls this body for; None when someone calls the function itself.

        Raises:
            Unplanned: the function is called past its flow inside a run that is enforced.
        """
        context = FlowRunContext.get()
        if context is not None and context.flow is not None and context.flow.fn is self:
            return context
        if RUNTIME.enforcing():
            raise Unplanned(
                f"{self.label}.fn is called past its flow inside a governed run.",
                mend="Call the flow itself, so that the plan shows it.",
            )
        return None

    def _prepare(self, context: FlowRunContext, parent: Active | None) -> Opening:
        workspace = RUNTIME.workspace()
        bound = RUNTIME.bound(self.fn, self.origin, workspace.catalogue)
        if bound.path is not None and (unread := unread_configuration(workspace.settings, bound.path)):
            raise SettingsError(unread)
        flow_run, flow = context.flow_run, context.flow
        if flow_run is None or flow is None:
            raise Unplanned(f"{self.label} has no flow run.")
        run_id = str(flow_run.id)
        port = PrefectPort(workspace, flow_run)
        facts = RunFacts(
            run_id=run_id,
            flow=flow.name,
            idempotency_key=flow_run.idempotency_key or run_id,
            requester=workspace.requester(),
            ground=workspace.ground,
            vocabulary=workspace.vocabulary,
            plan=bound.plan,
            unbound=bound.unbound,
            parameters=_shown(self, context.parameters or {}),
            attempt=flow_run.run_count or 1,
            locked=locked_plan(workspace.settings, plan_key(bound.plan)) if bound.plan else None,
            parent_run_id=parent.run.facts.run_id if parent else None,
            refused=RUNTIME.refused(run_id),
        )
        call = None
        if parent is not None:
            call = Call(self.step_ids, self.label, run_id, facts.attempt, parameters=lambda: facts.parameters)
        return Opening(facts, port, lambda run: Active(run, bound, port), parent, call)


class AsyncFlowBody(FlowBody):
    """A guarded coroutine function."""

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Decide, then run the function."""
        context = self._own_run()
        if context is None:
            return await self.fn(*args, **kwargs)
        opened = await _aopen(await asyncio.to_thread(self._prepare, context, CURRENT.get()))
        token = CURRENT.set(opened.active)
        try:
            result = await self.fn(*args, **kwargs)
        except BaseException as error:
            await _aclose(opened, type(error).__name__)
            raise
        finally:
            CURRENT.reset(token)
        await _aclose(opened, None)
        return result


class GeneratorFlowBody(FlowBody):
    """A guarded generator function. The run is current only while the body runs, not between two values."""

    def __call__(self, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        """Decide, then run the function."""
        context = self._own_run()
        if context is None:
            return (yield from self.fn(*args, **kwargs))
        opened = _open(self._prepare(context, CURRENT.get()))
        body, sent = self.fn(*args, **kwargs), None
        try:
            while True:
                token = CURRENT.set(opened.active)
                try:
                    value = body.send(sent)
                finally:
                    CURRENT.reset(token)
                sent = yield value
        except StopIteration as end:
            _close(opened, None)
            return end.value
        except BaseException as error:
            body.close()
            _close(opened, type(error).__name__)
            raise


class AsyncGeneratorFlowBody(FlowBody):
    """A guarded async generator function."""

    async def __call__(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        """Decide, then run the function."""
        context = self._own_run()
        if context is None:
            async for value in self.fn(*args, **kwargs):
                yield value
            return
        opened = await _aopen(await asyncio.to_thread(self._prepare, context, CURRENT.get()))
        body, sent = self.fn(*args, **kwargs), None
        try:
            while True:
                token = CURRENT.set(opened.active)
                try:
                    value = await body.asend(sent)
                finally:
                    CURRENT.reset(token)
                sent = yield value
        except StopAsyncIteration:
            await _aclose(opened, None)
        except BaseException as error:
            await body.aclose()
            await _aclose(opened, type(error).__name__)
            raise


def flow_body(fn: Callable[..., Any]) -> FlowBody:
    """The guard that fits the kind of ``fn``."""
    if inspect.isasyncgenfunction(fn):
        return AsyncGeneratorFlowBody(fn)
    if inspect.iscoroutinefunction(fn):
        return AsyncFlowBody(fn)
    if inspect.isgeneratorfunction(fn):
        return GeneratorFlowBody(fn)
    return FlowBody(fn)


def _shown(body: FlowBody, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the flow without the instance of a method, which is no parameter of the run."""
    instance = getattr(body, "__prefect_self__", None)
    return {name: value for name, value in parameters.items() if instance is None or value is not instance}


def _body_call(run: GovernedRun) -> Call:
    """The flow's own body as a step: its effects need their approval before the flow's first line."""
    facts = run.facts
    step_ids = frozenset(s for s, p in run.permits.items() if p.step.kind == "body")
    return Call(step_ids, facts.flow, facts.run_id, facts.attempt, parameters=lambda: facts.parameters)


def _open(opening: Opening) -> Opened:
    parent, call = opening.parent, opening.parent_call
    parent_grant = drive(before(parent.run, call, str(uuid4())), parent.port) if parent and call else None
    try:
        run = drive(open_run(opening.facts), opening.port)
        publish_plan(run)
        body = drive(before(run, _body_call(run), str(uuid4())), opening.port)
    except BaseException as error:
        if parent and parent_grant:
            drive(after(parent.run, parent_grant, type(error).__name__), parent.port)
        raise
    active = opening.active(run)
    RUNTIME.opened(active)
    return Opened(active, body, parent, parent_grant)


def _close(opened: Opened, failed: str | None) -> None:
    active = opened.active
    try:
        drive(after(active.run, opened.body, failed), active.port)
        drive(close_run(active.run, failed=failed), active.port)
    except BaseException as error:
        failed = failed or type(error).__name__
        raise
    finally:
        RUNTIME.closed(active)
        active.port.flush()
        if opened.parent and opened.parent_grant:
            drive(after(opened.parent.run, opened.parent_grant, failed), opened.parent.port)


async def _aopen(opening: Opening) -> Opened:
    # Opening is a handful of waits before the first line of the flow: one thread does them all in a row.
    return await asyncio.to_thread(_open, opening)


async def _aclose(opened: Opened, failed: str | None) -> None:
    await asyncio.to_thread(_close, opened, failed)
