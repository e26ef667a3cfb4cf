"""Governed tasks: Prefect's, with the two seams."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, Unpack, overload

from prefect.assets import Asset
from prefect.tasks import MaterializingTask, Task, TaskOptions

from govflow.prefect.arrival import arrives
from govflow.prefect.bodies import TaskBody, task_body
from govflow.prefect.decided import TASK_HOOKS, marked_before
from govflow.prefect.elsewhere import hand_on
from govflow.prefect.fan_out import sized
from govflow.prefect.hooks import adding, guard_hooks
from govflow.prefect.options import Governance, TaskCopyOptions
from govflow.prefect.origins import remember_origin
from govflow.prefect.seams import made, task_at_site
from govflow.prefect.waiting import asked

P = ParamSpec("P")
R = TypeVar("R")


class GovernedTask(Task[P, R]):
    """A Prefect task whose every call is looked up in the plan and whose body asks before it runs."""

    governance: Governance

    def __init__(
        self, fn: Callable[P, R], *, governance: Governance | None = None, **options: Unpack[TaskOptions]
    ) -> None:
        super().__init__(fn, **options)
        self._guard(governance or Governance())

    def _guard(self, governance: Governance) -> None:
        self.governance = governance
        if not isinstance(self.fn, TaskBody):
            remember_origin(self.fn)  # in the background it is a run of its own
        self.fn = task_body(self.fn)
        guard_hooks(self, TASK_HOOKS)

    @classmethod
    def adopt(cls, bare: Task[P, R], governance: Governance) -> Self:
        """Take over a bare task: the same options, guarded."""
        governed = cls.__new__(cls)
        governed.__dict__.update(bare.__dict__)
        governed._guard(governance)
        return governed

    def _bare(self) -> Self:
        """A copy that holds the plain function, for Prefect's own constructors."""
        bare = copy.copy(self)
        if isinstance(self.fn, TaskBody):
            bare.fn = self.fn.fn
        return bare

    def with_options(  # type: ignore[override] # Prefect lists each option
        self, **options: Unpack[TaskCopyOptions]
    ) -> Self:
        """A copy with other options. Takes Prefect's options and govflow's; it stays governed."""
        governance, rest = self.governance.split(options)
        return type(self).adopt(Task.with_options(self._bare(), **rest), governance)

    if not TYPE_CHECKING:  # checkers see Prefect's own overloads: what a call returns is what Prefect says
        on_completion = adding("on_completion_hooks")
        on_failure = adding("on_failure_hooks")
        on_running = adding("on_running_hooks")
        on_commit = adding("on_commit_hooks")
        on_rollback = adding("on_rollback_hooks")

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            """Run the task. See :meth:`prefect.tasks.Task.__call__`."""
            frame = sys._getframe(1)
            task = marked_before(self, frame, args, kwargs) or asked(
                task_at_site(self, frame, args, kwargs), args, kwargs
            )
            return Task.__call__(task, *args, **kwargs)

        def submit(self, *args: Any, **kwargs: Any) -> Any:
            """Submit the task to the flow's task runner. See :meth:`prefect.tasks.Task.submit`."""
            frame = sys._getframe(1)
            task = marked_before(self, frame, args, kwargs) or asked(
                task_at_site(self, frame, args, kwargs), args, kwargs
            )
            return made(task, Task.submit(task, *args, **kwargs))

        def map(self, *args: Any, **kwargs: Any) -> Any:
            """Submit the task once for each element. See :meth:`prefect.tasks.Task.map`."""
            args, kwargs, fan_out = sized(args, kwargs)
            task = asked(task_at_site(self, sys._getframe(1), args, kwargs, fan_out), args, kwargs, mapped=True)
            return made(task, Task.map(task, *args, **kwargs))

        def apply_async(self, *args: Any, **kwargs: Any) -> Any:
            """Create a run for a task worker. See :meth:`prefect.tasks.Task.apply_async`."""
            marked = task_at_site(self, sys._getframe(1), args, kwargs)
            hand_on()
            return made(marked, Task.apply_async(marked, *args, **kwargs))

        def delay(self, *args: Any, **kwargs: Any) -> Any:
            """Create a run for a task worker. See :meth:`prefect.tasks.Task.delay`."""
            marked = task_at_site(self, sys._getframe(1), args, kwargs)
            hand_on()
            return made(marked, Task.apply_async(marked, args=args, kwargs=kwargs))


class GovernedMaterializingTask(GovernedTask[P, R], MaterializingTask[P, R]):
    """A governed task that materializes assets."""

    def with_options(  # type: ignore[override] # Prefect declares its two classes differently
        self, assets: Sequence[str | Asset] | None = None, **options: Unpack[TaskCopyOptions]
    ) -> Self:
        """A copy with other options; it stays governed."""
        governance, rest = self.governance.split(options)
        bare = MaterializingTask.with_options(self._bare(), assets, **rest)
        return type(self).adopt(bare, governance)


arrives(GovernedTask, GovernedMaterializingTask)


@overload
def task(fn: Callable[P, R], /) -> GovernedTask[P, R]: ...


@overload
def task(
    fn: None = None,
    /,
    *,
    action: str | None = None,
    provider: str | None = None,
    resource: str | None = None,
    tier: int | None = None,
    approval: str | None = None,
    records: int | str | None = None,
    **options: Unpack[TaskOptions],
) -> Callable[[Callable[P, R]], GovernedTask[P, R]]: ...


def task(
    fn: Callable[P, R] | None = None,
    /,
    *,
    action: str | None = None,
    provider: str | None = None,
    resource: str | None = None,
    tier: int | None = None,
    approval: str | None = None,
    records: int | str | None = None,
    **options: Unpack[TaskOptions],
) -> Any:
    """Make a governed task; a drop-in for :func:`prefect.task`, with or without brackets.

    Args:
        fn: the function.
        action: what it does, such as ``data:delete``; ``task:execute`` when nothing is said.
        provider: with what, such as ``postgres``.
        resource: to what, such as ``dataset://acme/{table}``; ``{parameter}`` is filled in at the call.
        tier: 0 to 3; raises what the tier rules say, never lowers it.
        approval: name of the approval rule of the policy to use.
        records: how many records it touches: a number or ``{parameter}``.
        **options: everything that :func:`prefect.task` takes, unchanged.
    """
    governance = Governance(action, provider, resource, tier, approval, records)

    def make(function: Callable[P, R]) -> GovernedTask[P, R]:
        return GovernedTask(function, governance=governance, **options)

    return make if fn is None else make(fn)


def governed(bare: Task[P, R]) -> GovernedTask[P, R]:
    """Guard a task that somebody else made."""
    if isinstance(bare, GovernedTask):
        return bare
    kind = GovernedMaterializingTask if isinstance(bare, MaterializingTask) else GovernedTask
    return kind.adopt(bare, Governance())
