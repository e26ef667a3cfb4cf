"""What the call seam and the body seam see of a call's arguments: which runs of this flow they come from."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, Final

from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture, PrefectFutureList
from prefect.utilities.annotations import BaseAnnotation
from prefect.utilities.collections import visit_collection

from govflow.errors import Refused
from govflow.governor.conformance import judge_call, limit_of
from govflow.governor.governed_run import GovernedRun
from govflow.ir.execution import Link

_WAIT_FOR: Final = "wait_for"
_HOLDING: Final = (list, tuple, set, frozenset, dict, BaseAnnotation)
PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None)})
_DEPTH: Final = 4  # containers inside containers that are looked through; the engine looks through all
_BESIDE: Final = frozenset({_WAIT_FOR, "__parents__"})


def judged(
    run: GovernedRun, step_ids: frozenset[str], args: Iterable[Any], kwargs: Mapping[str, Any], fan_out: int | None
) -> Refused | None:
    """Count a call and look at the futures and states that it is given; why its body must not run, or None."""
    if limit_of(run, step_ids) is None and PLAIN.issuperset(map(type, (*args, *kwargs.values()))):
        return None
    return judge_call(run, step_ids, amount=1 if fan_out is None else fan_out, given=_given(args, kwargs))


def _given(args: Iterable[Any], kwargs: Mapping[str, Any]) -> Iterator[tuple[Hashable, Link]]:
    for value in args:
        if type(value) not in PLAIN:
            yield from _runs_in(value, Link.DATA, _DEPTH)
    for name, value in kwargs.items():
        yield from _runs_in(value, Link.ORDER if name == _WAIT_FOR else Link.DATA, _DEPTH)


def _runs_in(value: Any, link: Link, depth: int) -> Iterator[tuple[Hashable, Link]]:
    if isinstance(value, PrefectFuture):
        yield value.task_run_id, link
    elif isinstance(value, State):
        if value.state_details.task_run_id is not None:
            yield value.state_details.task_run_id, link
    elif isinstance(value, _HOLDING) and depth:
        inner = value.values() if isinstance(value, dict) else value
        for item in (value.unwrap(),) if isinstance(value, BaseAnnotation) else inner:
            if type(item) not in PLAIN:
                yield from _runs_in(item, link, depth - 1)


def saw(run: GovernedRun, step_ids: frozenset[str], made: Any) -> None:
    """Remember the runs that a submit or map has made."""
    if not step_ids:
        return
    if isinstance(made, PrefectFuture):
        run.followed.saw(made.task_run_id, step_ids)
    elif isinstance(made, (PrefectFutureList, list)):
        for item in made:
            saw(run, step_ids, item)
    elif isinstance(made, State) and made.state_details.task_run_id is not None:
        run.followed.saw(made.state_details.task_run_id, step_ids)


def named_inputs(task_run: TaskRun) -> tuple[tuple[str, Hashable], ...]:
    """Parameters of a call, and the runs that the engine says their values come from."""
    inputs = task_run.task_inputs
    if not any(inputs.values()):
        return ()
    return tuple(
        (name, run_id)
        for name, items in inputs.items()
        if items and name not in _BESIDE
        for item in items
        if (run_id := getattr(item, "id", None)) is not None
    )


def is_same_object(value: Any, run_id: Hashable) -> bool:
    """Whether the engine knows that ``value`` is, or holds, the very object that a run returned.

    Of texts, lists and other plain values it remembers an address, which another value may have by now: no proof.
    """
    context = FlowRunContext.get()
    results = {} if context is None else context.run_results
    found = False

    def look(item: Any) -> None:
        nonlocal found
        entry = results.get(id(item))
        if entry is not None and entry[2] is not None and entry[2]() is item:
            details = entry[0].state_details
            found = found or run_id in (details.task_run_id, details.flow_run_id)

    visit_collection(value, visit_fn=look, return_data=False, max_depth=_DEPTH)
    return found
