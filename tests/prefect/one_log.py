"""Which processes wrote a log, once it is found to be whole."""

from __future__ import annotations

from collections import Counter

from govflow.audit.body import parse_body
from govflow.audit.verify import Outcome
from govflow.prefect.runtime import RUNTIME

ENDS = ("step.intent", "step.outcome")


def steps_by_process() -> Counter[int]:
    """How many beginnings and ends of steps each process wrote, by its id. The log verifies, or the test fails."""
    store = RUNTIME.workspace().store
    store.flush()
    verdict = store.verify("default")
    assert verdict.outcome is Outcome.VERIFIED, verdict.words
    bodies = [parse_body(entry.body) for entry in store.entries("default")]
    assert verdict.records == len(bodies)
    # A writer is named HOST.PROCESS.RANDOM.STREAM.
    return Counter(int(body["writer"].split(".")[1]) for body in bodies if body["event"] in ENDS)
