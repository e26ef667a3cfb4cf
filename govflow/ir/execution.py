"""What ran, as the engine recorded it: the calls of one flow run and the edges between them.

Values only. An adapter fills them from its engine's records; :mod:`govflow.ir.conformance` holds them against a plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from govflow.ir.models import EdgeKind


class RunState(StrEnum):
    """How the record of a call ended."""

    COMPLETED = "completed"
    CACHED = "cached"  # an earlier result was taken; the body was not called
    FAILED = "failed"
    CRASHED = "crashed"
    CANCELLED = "cancelled"
    NOT_RUN = "not run"  # it was called, and something that it waits for did not complete
    UNFINISHED = "unfinished"


class Link(StrEnum):
    """Why the engine recorded one call as coming from another."""

    DATA = "data"  # an argument was made by it
    ORDER = "order"  # ``wait_for``
    PARENT = "parent"  # it was called inside it


@dataclass(frozen=True, slots=True)
class Executed:
    """One call that the engine recorded."""

    run_id: str  # of the task run
    name: str  # as the engine shows it
    callee: str  # name of the function, without module and class
    state: RunState = RunState.COMPLETED
    step_ids: frozenset[str] = frozenset()  # what a governed run's log says; empty when nothing was logged
    trackable: bool = True  # False: the engine could not have linked its result to a later call
    subflow_run: str | None = None  # the flow run that stands behind it


@dataclass(frozen=True, slots=True)
class ExecutedEdge:
    """``target`` was recorded as coming from ``source``. Both are run ids."""

    source: str
    target: str
    link: Link = Link.DATA
    parameter: str = ""  # of the target, where the engine names it


@dataclass(frozen=True, slots=True)
class ExecutedGraph:
    """One flow run."""

    run_id: str
    flow: str  # the name that the engine shows
    state: RunState
    calls: tuple[Executed, ...]  # in the order in which they were made, as far as the engine tells
    edges: tuple[ExecutedEdge, ...] = ()
    attempts: int = 1  # above 1 the flow itself was run again


PlannedEdge = tuple[str, str, EdgeKind]
"""Source, target and kind of an edge of a plan."""


@dataclass(frozen=True, slots=True)
class Hints:
    """What the reader of the source knows and a plan does not hold."""

    direct: frozenset[PlannedEdge] | None = None
    """Edges whose value is handed on as it is: a future, a state, a result. An engine sees these; it does not see an
    edge through a value that was computed from a result. None: every edge counts as direct."""
    closed: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """Step id and parameter of which everything is known that the value was made from, to the steps among that; the
    rest are constants and parameters of the flow. An engine that knows results by their identity may name another step
    there, one that was given the same object and handed it back."""
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Step id to the names under which an engine may record its function, where the callee does not tell."""


NO_HINTS: Final = Hints()
