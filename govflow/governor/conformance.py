"""What a run did so far, held against its plan while it goes on: how often a step was called, and what it was given.

Calls are counted where they are made, and what they are given is looked at there too: a future or state names the task
run that made it, and that run is a step of this one. So a call that the plan does not allow is known before anything is
sent to a thread, a process or another machine; its body is refused there, where every refusal is recorded.

Where a result was handed on as a plain value, the engine names its task run by the identity of the object. That is
taken for proof only where nobody else can have had the object: see :meth:`Followed.is_proof`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from govflow.errors import Refused, Rewired, Unplanned
from govflow.ir.assignment import Fit
from govflow.ir.counts import most_calls
from govflow.ir.execution import ExecutedEdge, Link
from govflow.ir.models import Step

if TYPE_CHECKING:
    from govflow.governor.governed_run import GovernedRun

StepIds = frozenset[str]
"""The steps that a site may be; more than one where the site does not tell them apart."""

SameObject = Callable[[str, Hashable], bool]
"""Whether the engine knows a parameter's value for the very object that a run returned."""


def never(parameter: str, run_id: Hashable) -> bool:
    """The engine knows nothing of the kind."""
    return False


@dataclass(slots=True)
class Followed:
    """The calls of one open run and the steps that they are. Shared by the threads of its process.

    A question is asked of the plan once for each pair of sites; from then on it is a look into a dictionary.
    """

    fit: Fit | None = None  # None: the edges of this run are not known well enough to stop anything
    runs: dict[Hashable, StepIds] = field(default_factory=dict)  # id of a task run or subflow run → its steps
    calls: dict[StepIds, int] = field(default_factory=dict)  # of sites that may be called so often and no more
    limits: dict[StepIds, int | None] = field(default_factory=dict)
    fitting: dict[tuple[StepIds, StepIds, Link, str], bool] = field(default_factory=dict)

    def saw(self, run_id: Hashable, step_ids: StepIds) -> None:
        """A call of these steps has this run id."""
        self.runs[run_id] = step_ids

    def fits(self, sources: StepIds, targets: StepIds, link: Link, parameter: str = "") -> bool:
        """Whether the plan lets any of the sources come before any of the targets.

        Args:
            sources: the site whose result is given.
            targets: the site that it is given to.
            link: how.
            parameter: given where the engine knew the value by its identity: then it may be shared.
        """
        key = (sources, targets, link, parameter)
        known = self.fitting.get(key)
        if known is None:
            known = self.fitting[key] = self._fits(sources, targets, link, parameter)
        return known

    def _fits(self, sources: StepIds, targets: StepIds, link: Link, parameter: str) -> bool:
        fit = self.fit
        if fit is None:
            return True
        pairs = [(s, t) for s in sources & fit.steps.keys() for t in targets & fit.steps.keys()]
        edge = ExecutedEdge("", "", link, parameter)
        return not pairs or any(
            fit.allows(link, s, t) or (parameter != "" and fit.may_share(edge, s, t)) for s, t in pairs
        )

    def is_proof(self, sources: StepIds) -> bool:
        """Whether an object that these steps returned can be nobody else's.

        A step that is given an object may return that very object, and whoever has it may give it to others. A step
        that is given literals only made what it returns.
        """
        fit = self.fit
        return fit is not None and all(
            step is not None and step.constants.keys() >= set(step.parameters) for step in map(fit.steps.get, sources)
        )


def judge_call(
    run: GovernedRun, step_ids: StepIds, *, amount: int = 1, given: Iterable[tuple[Hashable, Link]] = ()
) -> Refused | None:
    """Count a call where it is made, and look at what it is given; why its body must not run, or None.

    Args:
        run: the open run.
        step_ids: the planned steps of the call site.
        amount: how many task runs the call makes.
        given: ids of the runs whose futures or states are given, with how.
    """
    if not step_ids:
        return None
    return _counted(run, step_ids, amount) or rewired(run, step_ids, given)


def _counted(run: GovernedRun, step_ids: StepIds, amount: int) -> Refused | None:
    followed, limit = run.followed, limit_of(run, step_ids)
    if limit is None:
        return None
    with run.lock:
        calls = followed.calls[step_ids] = followed.calls.get(step_ids, 0) + amount
    if calls <= limit:
        return None
    name = min(step_ids)
    return Unplanned(
        f"Step {name} is called {calls} times; the approved plan allows {limit}.",
        mend="Plan the flow again and have the change approved: govflow lock FILE --approve --as NAME",
        details={"step_id": name, "calls": calls, "approved": limit},
    )


def limit_of(run: GovernedRun, step_ids: StepIds) -> int | None:
    """How often a site may be called in one attempt of the flow; None for any number."""
    limits = run.followed.limits
    try:
        return limits[step_ids]
    except KeyError:
        found = limits[step_ids] = _limit_of(run, step_ids)
        return found


def _limit_of(run: GovernedRun, step_ids: StepIds) -> int | None:
    def find(step_id: str) -> Step | None:
        permit = run.permits.get(step_id)
        return None if permit is None else permit.step

    counts = [most_calls(find, step_id, run.facts.default_retries) for step_id in step_ids]
    return None if None in counts else sum(count for count in counts if count is not None)


def rewired(run: GovernedRun, step_ids: StepIds, given: Iterable[tuple[Hashable, Link]]) -> Refused | None:
    """The first run that is given to a call against the plan. What this process has not seen says nothing."""
    followed = run.followed
    for run_id, link in given:
        sources = followed.runs.get(run_id)
        if sources and not followed.fits(sources, step_ids, link):
            return _rewired(sources, step_ids, link)
    return None


def rewired_value(
    run: GovernedRun, step_ids: StepIds, named: Iterable[tuple[str, Hashable]], is_same: SameObject
) -> Refused | None:
    """As :func:`rewired`, for runs that the engine named by the identity of a parameter's value."""
    followed = run.followed
    for parameter, run_id in named:
        sources = followed.runs.get(run_id)
        if not sources or followed.fits(sources, step_ids, Link.DATA, parameter):
            continue
        if followed.is_proof(sources) and is_same(parameter, run_id):
            return _rewired(sources, step_ids, Link.DATA)
    return None


def _rewired(sources: StepIds, targets: StepIds, link: Link) -> Refused:
    source, target = min(sources), min(targets)
    what = "waits for" if link is Link.ORDER else "is given what comes from"
    return Rewired(
        f"Step {target} {what} step {source}, and the approved plan has no such edge.",
        mend="Plan the flow again and have the change approved: govflow lock FILE --approve --as NAME",
        details={"source": source, "target": target, "link": str(link)},
    )
