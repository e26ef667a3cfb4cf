"""How often a plan lets a step be called."""

from __future__ import annotations

from collections.abc import Callable

from govflow.ir.models import Multiplicity, Step, StepKind


def most_calls(find: Callable[[str], Step | None], step_id: str, default_retries: int = 0) -> int | None:
    """The most calls of a step in one attempt of its flow; None where the source does not tell.

    Args:
        find: the step of an id; None if there is none.
        step_id: the step.
        default_retries: of a task that declares none.
    """
    step = find(step_id)
    times = None if step is None else _calls(step)
    if times is None:
        return None
    name = step_id.rpartition("/")[0]
    while "/" in name:  # the flow itself is tried again as another attempt of its run, and counted anew
        above = find(name)
        if above is not None:  # a task that is tried again calls what is below it again
            times *= 1 + max(above.retries, default_retries)
        name = name.rpartition("/")[0]
    return times


def _calls(step: Step) -> int | None:
    """The calls that a step makes for each time that what holds it runs."""
    if step.count is not None or step.multiplicity is Multiplicity.MANY:
        return step.count
    # A flow's body is entered once for each attempt of its run, a hook as often as there are runs to tell of.
    return None if step.kind in (StepKind.BODY, StepKind.HOOK) else 1
