"""Plans of flows, read from source.

    plan = plan_flow(tree, "flows/etl.py", "nightly").plan

Nothing is imported or executed. The plan names files relative to the folder of the flow's file, so that the same
source gives the same plan from a repository's root, from a deployed copy, or from loaded modules.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from govflow.errors import FlowNotFound
from govflow.ir.execution import NO_HINTS, Hints
from govflow.ir.models import Plan
from govflow.planning.effects.catalogue import Catalogue
from govflow.planning.found_flows import FlowRef, FoundFlow, choose, flows_of, tasks_of
from govflow.planning.machine import Machine
from govflow.planning.modules import ModuleGraph
from govflow.planning.room import room_for
from govflow.planning.session import Session
from govflow.planning.source import SourceTree


@dataclass(frozen=True)
class FunctionRef:
    """A function whose body a plan depends on."""

    file: str  # POSIX path relative to the folder of the flow's file
    qualname: str
    line: int  # of the first decorator or of the definition, as ``co_firstlineno``
    role: str  # flow | task | helper


@dataclass(frozen=True)
class PlannedFlow:
    """A plan, where it was read, and what it was read from."""

    plan: Plan
    path: str  # of the flow's file, relative to the tree
    functions: tuple[FunctionRef, ...]
    hints: Hints = NO_HINTS  # what a comparison with a run needs and a plan does not hold


class Reader:
    """Plans the flows of one tree. Every file is read and parsed once, whichever flows need it.

    A reader is for one state of the source: make a new one when files have changed. Plans do not depend on what the
    same reader planned before.
    """

    def __init__(self, tree: SourceTree, catalogue: Catalogue | None = None) -> None:
        self._session = Session(ModuleGraph(tree), catalogue)

    def flows(self, path: str) -> tuple[FlowRef, ...]:
        """The flows that a file defines, in source order.

        Raises:
            SourceError: the file is not there, cannot be decoded, or is not Python.
        """
        path = posixpath.normpath(path)
        with room_for(path):
            return tuple(found.ref for found in flows_of(self._session.machine(path), path))

    def plan(self, path: str, function: str | None = None) -> PlannedFlow:
        """The plan of one flow.

        Args:
            path: the flow's file, POSIX, relative to the tree's root.
            function: name or qualified name of the flow's function, the name it is assigned to, or its Prefect name;
                None for the only flow of the file. Where no flow has it, the qualified name of a task's function.

        Raises:
            FlowNotFound: there is no such flow, or more than one to choose from; the message names what was found.
            SourceError: the file cannot be read or parsed; the message names file and line.
        """
        path = posixpath.normpath(path)
        with room_for(path):
            machine = self._session.machine(path)
            try:
                chosen = choose(flows_of(machine, path), path, function)
            except FlowNotFound:
                named = [] if function is None else [t for t in tasks_of(machine, path) if t.ref.function == function]
                if not named:
                    raise
                chosen = named[0]
            return self._planned(machine, path, chosen)

    def task_plan(self, path: str, function: str) -> PlannedFlow:
        """The plan of a task that no flow calls: it is run in the background, as a flow of which it is the body.

        Args:
            path: the task's file, POSIX, relative to the tree's root.
            function: qualified name of the task's function.

        Raises:
            FlowNotFound: the file has no such task.
            SourceError: the file cannot be read or parsed; the message names file and line.
        """
        path = posixpath.normpath(path)
        with room_for(path):
            machine = self._session.machine(path)
            for task in tasks_of(machine, path):
                if task.ref.function == function:
                    return self._planned(machine, path, task)
        raise FlowNotFound(
            f"there is no task {function!r} in {path}", mend="A task is a function decorated with @task."
        )

    def plans(self, path: str) -> tuple[PlannedFlow, ...]:
        """The plans of every flow that a file defines, in source order.

        Raises:
            SourceError: the file cannot be read or parsed; the message names file and line.
        """
        path = posixpath.normpath(path)
        planned = []
        with room_for(path):
            machine = self._session.machine(path)
            for place in range(len(flows_of(machine, path))):
                # Each flow has a reading of its own: what one does to a module must not reach the next.
                machine = machine if not place else self._session.machine(path)
                planned.append(self._planned(machine, path, flows_of(machine, path)[place]))
        return tuple(planned)

    def _planned(self, machine: Machine, path: str, chosen: FoundFlow) -> PlannedFlow:
        planned = self._session.plan_first(machine, chosen)
        folder = posixpath.dirname(path) or "."
        files = {path: posixpath.relpath(path, folder) for path in {item.path for item in planned.used}}
        refs = [FunctionRef(files[item.path], item.qualname, item.line, item.role) for item in planned.used]
        return PlannedFlow(planned.plan, path, tuple(_distinct(refs)), planned.hints)


def list_flows(tree: SourceTree, path: str, catalogue: Catalogue | None = None) -> tuple[FlowRef, ...]:
    """The flows that a file defines, in source order: :meth:`Reader.flows` for one file."""
    return Reader(tree, catalogue).flows(path)


def plan_flow(
    tree: SourceTree, path: str, function: str | None = None, catalogue: Catalogue | None = None
) -> PlannedFlow:
    """Read the plan of one flow: :meth:`Reader.plan` for one flow."""
    return Reader(tree, catalogue).plan(path, function)


def plan_task(tree: SourceTree, path: str, function: str, catalogue: Catalogue | None = None) -> PlannedFlow:
    """Read the plan of one background task: :meth:`Reader.task_plan` for one task."""
    return Reader(tree, catalogue).task_plan(path, function)


def _distinct(refs: list[FunctionRef]) -> list[FunctionRef]:
    """Each function once; flow and task win over helper."""
    rank = {"flow": 0, "task": 1, "helper": 2}
    found: dict[tuple[str, str, int], FunctionRef] = {}
    for ref in sorted(refs, key=lambda item: (item.file, item.line, item.qualname, rank[item.role])):
        found.setdefault((ref.file, ref.qualname, ref.line), ref)
    return list(found.values())
