"""Governed tasks: Prefect's, with the two seams."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Self, TypeVar, Unpack, overload

from prefect.assets import Asset
from prefect.tasks import MaterializingTask, Task, TaskOptions

from govflow.governor.step import may_wait
from govflow.prefect.bodies import UNMARKED, TaskBody, task_body
from govflow.prefect.fan_out import sized
from govflow.prefect.hooks import adding, guard_hooks
from govflow.prefect.options import Governance, TaskCopyOptions
from govflow.prefect.runtime import CURRENT, RUNTIME

P = ParamSpec("P")
R = TypeVar("R")
TASK_HOOKS: Final = (
    "on_completion_hooks",
    "on_failure_hooks",
    "on_running_hooks",
    "on_commit_hooks",
    "on_rollback_hooks",
)


class GovernedTask(Task[P, R]):
    """A Prefect task whose every call is looked up in the plan and whose body asks before it runs."""

    governance: Governance
    _copies: dict[tuple[frozenset[str], int | None, bool], GovernedTask[P, R]]

    def __init__(
        self, fn: Callable[P, R], *, governance: Governance | None = None, **options: Unpack[TaskOptions]
    ) -> None:
        super().__init__(fn, **options)
        self._guard(governance or Governance())

    def _guard(self, governance: Governance) -> None:
        self.governance = governance
        self._copies = {}
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

    def _at_site(self, frame: FrameType, fan_out: int | None = None) -> GovernedTask[P, R]:
        """This task, marked with the planned step that a call in ``frame`` is."""
        body = self.fn
        if not isinstance(body, TaskBody):
            return self
        active = CURRENT.get() or RUNTIME.receiver(body.fn)
        if active is None:
            return self
        sites = active.bound.sites
        step_ids = UNMARKED
        if sites is not None:
            step_ids = sites.find(frame) or sites.handed_over(active.bound.name_of(body.fn))
        active.run.called.update(step_ids)
        waits = bool(self.timeout_seconds) and not self.isgenerator and may_wait(active.run, step_ids)
        key = (step_ids, fan_out, waits)
        marked = self._copies.get(key)
        if marked is None or self.ismethod or self.isclassmethod:
            marked = copy.copy(self)
            marked.fn = marked_body = body.at(step_ids, fan_out)
            if waits:
                marked_body.seconds, marked.timeout_seconds = self.timeout_seconds, None
            if not (self.ismethod or self.isclassmethod):  # a bound method is another object at each access
                self._copies[key] = marked
        return marked

    if not TYPE_CHECKING:  # checkers see Prefect's own overloads: what a call returns is what Prefect says
        on_completion = adding("on_completion_hooks")
        on_failure = adding("on_failure_hooks")
        on_running = adding("on_running_hooks")
        on_commit = adding("on_commit_hooks")
        on_rollback = adding("on_rollback_hooks")

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            """Run the task. See :meth:`prefect.tasks.Task.__call__`."""
            return Task.__call__(self._at_site(sys._getframe(1)), *args, **kwargs)

        def submit(self, *args: Any, **kwargs: Any) -> Any:
            """Submit the task to the flow's task runner. See :meth:`prefect.tasks.Task.submit`."""
            return Task.submit(self._at_site(sys._getframe(1)), *args, **kwargs)

        def map(self, *args: Any, **kwargs: Any) -> Any:
            """Submit the task once for each element. See :meth:`prefect.tasks.Task.map`."""
            args, kwargs, fan_out = sized(args, kwargs)
            return Task.map(self._at_site(sys._getframe(1), fan_out), *args, **kwargs)

        def apply_async(self, *args: Any, **kwargs: Any) -> Any:
            """Create a run for a task worker. See :meth:`prefect.tasks.Task.apply_async`."""
            return Task.apply_async(self._at_site(sys._getframe(1)), *args, **kwargs)

        def delay(self, *args: Any, **kwargs: Any) -> Any:
            """Create a run for a task worker. See :meth:`prefect.tasks.Task.delay`."""
            return Task.apply_async(self._at_site(sys._getframe(1)), args=args, kwargs=kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_copies": {}}


class GovernedMaterializingTask(GovernedTask[P, R], MaterializingTask[P, R]):
    """A governed task that materializes assets."""

    def with_options(  # type: ignore[override] # Prefect declares its two classes differently
        self, assets: Sequence[str | Asset] | None = None, **options: Unpack[TaskCopyOptions]
    ) -> Self:
        """A copy with other options; it stays governed."""
        governance, rest = self.governance.split(options)
        bare = MaterializingTask.with_options(self._bare(), assets, **rest)
        return type(self).adopt(bare, governance)


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
