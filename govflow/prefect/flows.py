"""Governed flows: Prefect's, opened and closed by the governor."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, Unpack, overload

from prefect.flows import Flow
from prefect.flows import flow as prefect_flow

from govflow.prefect.arrival import arrives
from govflow.prefect.deploying import ato_deployment, to_deployment
from govflow.prefect.flow_bodies import FlowBody, flow_body
from govflow.prefect.hooks import adding, guard_hooks
from govflow.prefect.options import FlowCopyOptions, FlowOptions, Governance
from govflow.prefect.seams import FLOW_HOOKS, flow_at_site

P = ParamSpec("P")
R = TypeVar("R")


class GovernedFlow(Flow[P, R]):
    """A Prefect flow whose run is planned, judged and recorded before its first line."""

    governance: Governance

    def __init__(self, fn: Callable[P, R], *, governance: Governance | None = None, **options: Any) -> None:
        super().__init__(fn, **options)
        self._guard(governance or Governance())

    def _guard(self, governance: Governance) -> None:
        self.governance = governance
        self.fn = flow_body(self.fn)
        guard_hooks(self, FLOW_HOOKS)

    @classmethod
    def adopt(cls, bare: Flow[P, R], governance: Governance) -> GovernedFlow[P, R]:
        """Take over a bare flow: the same options, guarded."""
        governed = cls.__new__(cls)
        governed.__dict__.update(bare.__dict__)
        governed._guard(governance)
        return governed

    def with_options(  # type: ignore[override] # Prefect lists each option
        self, **options: Unpack[FlowCopyOptions]
    ) -> GovernedFlow[P, R]:
        """A copy with other options. Takes Prefect's options and govflow's; it stays governed."""
        governance, rest = self.governance.split(options)
        bare = copy.copy(self)
        if isinstance(self.fn, FlowBody):
            bare.fn = self.fn.fn
        governed = type(self).adopt(Flow.with_options(bare, **rest), governance)
        if isinstance(self.fn, FlowBody) and isinstance(governed.fn, FlowBody):
            governed.fn.origin = self.fn.origin  # the file was read when the first of them was made
        return governed

    if not TYPE_CHECKING:  # checkers see Prefect's own overloads: what a call returns is what Prefect says
        on_completion = adding("on_completion_hooks")
        on_failure = adding("on_failure_hooks")
        on_cancellation = adding("on_cancellation_hooks")
        on_crashed = adding("on_crashed_hooks")
        on_running = adding("on_running_hooks")

        def to_deployment(self, *args: Any, **options: Any) -> Any:
            """Verify the flow, then make a deployment of it. See :meth:`prefect.flows.Flow.to_deployment`."""
            return to_deployment(Flow.to_deployment, self, args, options)

        async def ato_deployment(self, *args: Any, **options: Any) -> Any:
            """Verify the flow, then make a deployment of it; ``serve`` and ``deploy`` come through here."""
            return await ato_deployment(Flow.ato_deployment, self, args, options)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            """Run the flow. See :meth:`prefect.flows.Flow.__call__`."""
            return Flow.__call__(flow_at_site(self, sys._getframe(1), args, kwargs), *args, **kwargs)


arrives(GovernedFlow)


class FlowDecorator:
    """Makes governed flows; a drop-in for :func:`prefect.flow`, with or without brackets."""

    @overload
    def __call__(self, fn: Callable[P, R], /) -> GovernedFlow[P, R]: ...

    @overload
    def __call__(
        self,
        fn: None = None,
        /,
        *,
        action: str | None = None,
        provider: str | None = None,
        resource: str | None = None,
        tier: int | None = None,
        approval: str | None = None,
        **options: Unpack[FlowOptions],
    ) -> Callable[[Callable[P, R]], GovernedFlow[P, R]]: ...

    def __call__(
        self,
        fn: Callable[P, R] | None = None,
        /,
        *,
        action: str | None = None,
        provider: str | None = None,
        resource: str | None = None,
        tier: int | None = None,
        approval: str | None = None,
        **options: Unpack[FlowOptions],
    ) -> Any:
        """Make a governed flow.

        Args:
            fn: the function.
            action: what its own body does; ``flow:execute`` when nothing is said.
            provider: with what.
            resource: to what; ``{parameter}`` is filled in when a run starts.
            tier: 0 to 3; raises what the tier rules say of the body, never lowers it.
            approval: name of the approval rule of the policy to use for the body.
            **options: everything that :func:`prefect.flow` takes, unchanged.
        """
        governance = Governance(action, provider, resource, tier, approval)

        def make(function: Callable[P, R]) -> GovernedFlow[P, R]:
            return GovernedFlow(function, governance=governance, **options)

        return make if fn is None else make(fn)

    from_source = staticmethod(prefect_flow.from_source)


flow: Final = FlowDecorator()
