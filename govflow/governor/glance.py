"""A run while it is not open: for what the engine calls before its body begins, or where another process had it.

Nothing is saved, and nobody can be asked: there is no request yet that people could answer. The plan, the code and the
policy are the same as when the run is opened, so what would be refused then is refused now.
"""

from __future__ import annotations

from datetime import datetime

from govflow.errors import GovflowError
from govflow.governor.checks import Check
from govflow.governor.explain import as_refusal
from govflow.governor.governed_run import GovernedRun, RunFacts
from govflow.governor.port import NOW, Steps
from govflow.governor.run import OPENING, Opening, assessed, step_permit


def glance(facts: RunFacts) -> Steps[GovernedRun]:
    """The run as its plan shows it. Why it could not be opened, if it could not, stands in ``stopped``."""
    now: datetime = yield NOW
    run = GovernedRun(facts, "", "", {}, None)
    opening = Opening(facts, now, run)
    try:
        for name, check in OPENING:
            if name is not Check.POLICY:  # that one saves the run
                yield from check(opening)
        if facts.plan is not None:
            found = (yield from assessed(facts.plan, facts, now)).steps
            run.permits = {step.step_id: step_permit(step, found[step.step_id], facts) for step in facts.plan.steps}
    except GovflowError as error:
        run.stopped = as_refusal(error)
    return run
