"""Where a governed run begins and ends: what the engine calls instead of a flow's function."""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import replace
from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.flows import Flow
from prefect.settings import get_current_settings

from govflow.errors import Refused, SettingsError, Unplanned
from govflow.governor.call import Call
from govflow.governor.glance import glance
from govflow.governor.governed_run import RunFacts
from govflow.governor.port import drive
from govflow.ir.lock import plan_key
from govflow.ir.models import StepKind
from govflow.prefect.arrival import arrives
from govflow.prefect.binding import Bound
from govflow.prefect.elsewhere import manifest_of, runs_elsewhere
from govflow.prefect.endings import ending, keep_tracebacks_out, last_word
from govflow.prefect.likeness import FunctionLike
from govflow.prefect.opening import Opened, Opening, aclose_flow, close_flow, open_flow, why_left
from govflow.prefect.origins import Origin
from govflow.prefect.own_settings import refuse_own_settings
from govflow.prefect.owners import owners_of
from govflow.prefect.port import PrefectPort
from govflow.prefect.run_origin import origin_of_run
from govflow.prefect.runtime import CURRENT, RUNTIME, Active
from govflow.prefect.waiting import choose
from govflow.services.locked_plan import locked_plan
from govflow.services.noted_runs import note_run
from govflow.services.unread_configuration import unread_configuration
from govflow.services.workspace import Workspace
from govflow.telemetry import get_logger

_log = get_logger(__name__)

keep_tracebacks_out()


class FlowBody(FunctionLike):
    """A guarded flow function. ``step_ids`` are the subflow steps of the call site, when another flow calls it."""

    def __init__(
        self, fn: Callable[..., Any], step_ids: frozenset[str] = frozenset(), origin: Origin | None = None
    ) -> None:
        super().__init__(fn)
        self.step_ids = step_ids
        self.origin = origin or Origin.of(fn)
        self.refused: Refused | None = None  # what the call seam of the flow that calls it says of one call

    def at(self, step_ids: frozenset[str]) -> FlowBody:
        """The same body, marked with its call site."""
        body = type(self)(self.fn, step_ids, self.origin)
        body._bind_as(self)
        return body

    def refuse(self, why: Refused) -> FlowBody:
        """The same body for one call that must not run."""
        body = copy.copy(self)
        body.refused = why
        return body

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Decide, then run the function."""
        context = self._own_run()
        if context is None:
            return self.fn(*args, **kwargs)
        try:
            return self._governed(context, args, kwargs)
        except Refused as refused:
            return ending(refused, context.flow_run)

    def _governed(self, context: FlowRunContext, args: Any, kwargs: Any) -> Any:
        opened = self._start(context)
        if opened is None:
            return self.fn(*args, **kwargs)
        token = CURRENT.set(opened.active)
        try:
            result = self.fn(*args, **kwargs)
        except BaseException as error:
            close_flow(opened, why_left(error))
            raise
        finally:
            CURRENT.reset(token)
        close_flow(opened, None)
        return last_word(result, cancelled=opened.port.cancelled)

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

    def _start(self, context: FlowRunContext) -> Opened | None:
        """Open the run: a handful of waits before the flow's first line, which an event loop leaves to a thread.

        None where nobody asked for govflow, it only observes, and it fails: then the flow runs as if it were not there.
        """
        if context.flow_run is not None:
            refuse_own_settings(context.flow_run)
        try:
            return open_flow(self._prepare(context, CURRENT.get()))
        except Exception as error:
            if not (self.zero_code and RUNTIME.observing()):
                raise
            _log.error("run.ungoverned", flow=self.label, reason=f"{type(error).__name__}: {error}")
            return None

    def _prepare(self, context: FlowRunContext, parent: Active | None) -> Opening:
        flow_run, flow = context.flow_run, context.flow
        if flow_run is None or flow is None:
            raise Unplanned(f"{self.label} has no flow run.")
        workspace, bound = self._bound()
        run_id = str(flow_run.id)
        note_run(run_id)
        port = PrefectPort(workspace, flow_run)
        wait = choose(context, workspace.settings)
        port.why_so = wait.why
        port.shared = runs_elsewhere(context.task_runner)
        facts = replace(
            self._facts(workspace, bound, flow, flow_run),
            parameters=_shown(self, context.parameters or {}),
            parent_run_id=parent.run.facts.run_id if parent else None,
            suspends=wait.how == "suspend",
            elsewhere=manifest_of(bound) if runs_elsewhere(context.task_runner) else None,
        )
        call = None
        if parent is not None:
            parent.run.followed.saw(flow_run.id, self.step_ids)
            if flow_run.parent_task_run_id is not None:
                parent.run.followed.saw(flow_run.parent_task_run_id, self.step_ids)
            call = Call(
                *(self.step_ids, self.label, run_id, facts.attempt),
                refused=self.refused,
                unbound=self._other_than_planned(parent),
                parameters=lambda: facts.parameters,
            )
        return Opening(facts, port, lambda run: Active(run, bound, port), parent, call)

    def outside(self, flow: Flow[..., Any], flow_run: FlowRun) -> Active:
        """The run of this flow while its body does not run in this process, for what the engine calls then.

        Raises:
            GovflowError: settings, policy or store cannot be used.
        """
        workspace, bound = self._bound()
        port = PrefectPort(workspace, flow_run)
        return Active(drive(glance(self._facts(workspace, bound, flow, flow_run)), port), bound, port)

    def _bound(self) -> tuple[Workspace, Bound]:
        workspace = RUNTIME.for_run()
        bound = RUNTIME.bound(self.fn, self.origin, workspace.catalogue)
        if bound.path is not None and (unread := unread_configuration(workspace.settings, bound.path)):
            raise SettingsError(unread)
        return workspace, bound

    def _facts(self, workspace: Workspace, bound: Bound, flow: Flow[..., Any], flow_run: FlowRun) -> RunFacts:
        run_id = str(flow_run.id)
        return RunFacts(
            run_id=run_id,
            flow=flow.name,
            idempotency_key=flow_run.idempotency_key or run_id,
            requester=workspace.requester(),
            ground=workspace.ground,
            vocabulary=workspace.vocabulary,
            plan=bound.plan,
            unbound=bound.unbound or bound.exchanged(self.fn),
            parameters={},
            attempt=flow_run.run_count or 1,
            locked=locked_plan(workspace.settings, plan_key(bound.plan)) if bound.plan else None,
            fresh=RUNTIME.known(run_id) is None,
            fit=bound.fit,
            default_retries=get_current_settings().tasks.default_retries,
            refused=RUNTIME.refused(run_id),
            owners=owners_of(flow_run, workspace.settings),
            origin=origin_of_run(flow_run),
        )

    def _other_than_planned(self, parent: Active) -> str | None:
        """Why this is none of the subflows that the plan of the flow that calls it has at the call."""
        why = None
        for step_id in self.step_ids:
            permit = parent.run.permits.get(step_id)
            if permit is None or permit.step.kind is not StepKind.SUBFLOW:
                return None
            why = parent.bound.stands_for_another(self.fn, permit.step.callee)
            if why is None:
                return None
        return why


class AsyncFlowBody(FlowBody):
    """A guarded coroutine function."""

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Decide, then run the function."""
        context = self._own_run()
        if context is None:
            return await self.fn(*args, **kwargs)
        try:
            return await self._agoverned(context, args, kwargs)
        except Refused as refused:
            return await asyncio.to_thread(ending, refused, context.flow_run)

    async def _agoverned(self, context: FlowRunContext, args: Any, kwargs: Any) -> Any:
        opened = await asyncio.to_thread(self._start, context)
        if opened is None:
            return await self.fn(*args, **kwargs)
        token = CURRENT.set(opened.active)
        try:
            result = await self.fn(*args, **kwargs)
        except BaseException as error:
            await aclose_flow(opened, why_left(error))
            raise
        finally:
            CURRENT.reset(token)
        await aclose_flow(opened, None)
        return last_word(result, cancelled=opened.port.cancelled)


class GeneratorFlowBody(FlowBody):
    """A guarded generator function. The run is current only while the body runs, not between two values."""

    def __call__(self, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        """Decide, then run the function."""
        context = self._own_run()
        if context is None:
            return (yield from self.fn(*args, **kwargs))
        try:
            return (yield from self._governed(context, args, kwargs))
        except Refused as refused:
            return ending(refused, context.flow_run)

    def _governed(self, context: FlowRunContext, args: Any, kwargs: Any) -> Generator[Any, Any, Any]:
        opened = self._start(context)
        if opened is None:
            return (yield from self.fn(*args, **kwargs))
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
            close_flow(opened, None)
            return last_word(end.value, cancelled=opened.port.cancelled)
        except BaseException as error:
            body.close()
            close_flow(opened, why_left(error))
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
        opened = await asyncio.to_thread(self._start, context)
        if opened is None:
            async for value in self.fn(*args, **kwargs):
                yield value
            return
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
            await aclose_flow(opened, None)
        except BaseException as error:
            await body.aclose()
            await aclose_flow(opened, why_left(error))
            raise


def flow_body(fn: Callable[..., Any], origin: Origin | None = None) -> FlowBody:
    """The guard that fits the kind of ``fn``."""
    if inspect.isasyncgenfunction(fn):
        return AsyncGeneratorFlowBody(fn, origin=origin)
    if inspect.iscoroutinefunction(fn):
        return AsyncFlowBody(fn, origin=origin)
    if inspect.isgeneratorfunction(fn):
        return GeneratorFlowBody(fn, origin=origin)
    return FlowBody(fn, origin=origin)


def _shown(body: FlowBody, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the flow without the instance of a method, which is no parameter of the run."""
    instance = getattr(body, "__prefect_self__", None)
    return {name: value for name, value in parameters.items() if instance is None or value is not instance}


arrives(FlowBody, AsyncFlowBody, GeneratorFlowBody, AsyncGeneratorFlowBody)
