"""Options of a task that were changed since it was planned: how often it runs again, and code that decides whether."""

from __future__ import annotations

from typing import Any, Final

from prefect.cache_policies import DEFAULT, NO_CACHE, CacheKeyFnPolicy, CachePolicy, CompoundCachePolicy
from prefect.tasks import Task

from govflow.errors import Refused, Unbound
from govflow.governor.governed_run import GovernedRun
from govflow.ir.models import StepKind
from govflow.prefect.binding import Bound

CALLED: Final = ("cache_key_fn", "retry_condition_fn", "task_run_name")
"""Functions that the engine calls around a body, and that are no state hooks."""


_USUAL: Final = (DEFAULT, NO_CACHE, None)


def has_callables(task: Task[..., Any]) -> bool:
    """Whether the engine calls anything of a task around its body, apart from state hooks."""
    return bool(
        task.cache_key_fn
        or task.retry_condition_fn
        or callable(task.task_run_name)
        or not any(task.cache_policy is usual for usual in _USUAL)
    )


def changed_option(run: GovernedRun, bound: Bound, task: Task[..., Any], step_ids: frozenset[str]) -> Refused | None:
    """The first option of a task that is not what was planned of the steps of this call; None when there is none."""
    steps = [run.permits[step_id].step for step_id in step_ids if step_id in run.permits]
    if not steps or any(step.kind is not StepKind.TASK for step in steps):
        return None
    retries = max(*(step.retries for step in steps), run.facts.default_retries)
    if task.retries > retries and not bound.leaves_options_open:
        return _changed(steps[0].step_id, f"is tried again {task.retries} times; the approved plan says {retries}")
    for name in CALLED:
        fn = getattr(task, name)
        if callable(fn) and not bound.knows_hook(fn):
            label = getattr(fn, "__qualname__", type(fn).__qualname__)
            return _changed(steps[0].step_id, f"has {label} for its {name}, which the approved plan does not have")
    foreign = _foreign_policy(bound, task.cache_policy, task.cache_key_fn)
    if foreign is not None:
        return _changed(steps[0].step_id, f"has {foreign} for its cache policy, which is in no source")
    return None


def _foreign_policy(bound: Bound, policy: Any, cache_key_fn: Any) -> str | None:
    """What of a cache policy is code that neither the repository nor a package has under its name."""
    if isinstance(policy, CompoundCachePolicy):
        return next((found for one in policy.policies if (found := _foreign_policy(bound, one, cache_key_fn))), None)
    if isinstance(policy, CacheKeyFnPolicy):
        fn = policy.cache_key_fn
        known = fn is None or fn is cache_key_fn or bound.has(fn)
        return None if known else str(getattr(fn, "__qualname__", type(fn).__qualname__))
    known = not isinstance(policy, CachePolicy) or bound.has(type(policy).compute_key)
    return None if known else type(policy).__qualname__


def disarm(task: Task[..., Any]) -> None:
    """Take from a copy that must not run what the engine would call before and after its body."""
    task.retries = 0
    task.cache_policy, task.cache_key_fn, task.retry_condition_fn = NO_CACHE, None, None
    if callable(task.task_run_name):
        task.task_run_name = None


def _changed(step_id: str, what: str) -> Refused:
    return Unbound(
        f"Step {step_id} {what}.",
        mend="Plan the flow again and have the change approved: govflow lock FILE --approve --as NAME",
        details={"step_id": step_id},
    )
