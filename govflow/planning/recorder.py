"""Steps and edges while a flow is being read.

A *place* is a call in its scope: a helper that was followed, or a draft of a step. Places form a tree; names and
ordinals are given at the end, when all calls of a scope are known, so that they follow the order of the source and not
the order of evaluation.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import JsonValue

from govflow.ir.execution import Hints
from govflow.ir.models import Edge, EdgeKind, Multiplicity, Step, StepKind
from govflow.planning.effects.deeds import Deeds
from govflow.planning.options import Options
from govflow.planning.step_models import StepModels
from govflow.planning.values import NO_DEPS, Deps, TaskValue

Position = tuple[int, int, int, int]


class Site(NamedTuple):
    """A call before it becomes a :class:`~govflow.ir.models.CallSite`."""

    file: str
    function: str
    position: Position


@dataclass(slots=True)
class Draft:
    """A step that has no id yet."""

    number: int
    kind: StepKind
    callee: str
    options: Options
    defaults: tuple[str, str, str]  # action, provider, resource
    code: str
    many: bool
    optional: bool
    reason: str | None = None
    count: int | None = None  # the most calls that it may make; None where the source does not tell
    parameters: dict[str, None] = field(default_factory=dict)
    constants: dict[str, JsonValue] = field(default_factory=dict)
    step_id: str = ""
    # Parameters of which everything is known that their values were made from, with the steps among that.
    closed: dict[str, Deps] = field(default_factory=dict)
    deeds: Deeds = field(default_factory=Deeds)  # what its body does to the world
    recorded_as: frozenset[str] = frozenset()  # names that an engine may record its function under

    def meet(self, *, many: bool, optional: bool, count: int | None, constants: dict[str, JsonValue]) -> None:
        """The same call was read again, on another round of a loop."""
        self.many = self.many or many
        self.optional = self.optional and optional
        self.count = None if self.count is None or count is None else max(self.count, count)
        self.constants = {
            name: value
            for name, value in self.constants.items()
            if name in constants and constants[name] == value and type(constants[name]) is type(value)
        }

    def close(self, closed: Mapping[str, Deps]) -> None:
        """Of these parameters all is known at one reading of the call; of others no longer."""
        self.closed = {name: deps | closed[name] for name, deps in self.closed.items() if name in closed}

    @property
    def multiplicity(self) -> Multiplicity:
        """How often it runs."""
        if self.many:
            return Multiplicity.MANY
        return Multiplicity.OPTIONAL if self.optional else Multiplicity.ONE


@dataclass(slots=True, eq=False)
class Place:
    """A node of the tree of calls."""

    label: str
    position: Position
    sites: tuple[Site, ...]
    draft: Draft | None = None
    children: dict[tuple[object, ...], Place] = field(default_factory=dict)

    def child(self, key: tuple[object, ...], label: str, site: Site) -> Place:
        """The place of a call in this scope; made on first sight."""
        full = (site.position, label, *key)
        place = self.children.get(full)
        if place is None:
            place = self.children[full] = Place(label, site.position, (*self.sites, site))
        return place

    def holds_step(self) -> bool:
        """Whether a step is here or below."""
        stack = [self]
        while stack:
            place = stack.pop()
            if place.draft is not None:
                return True
            stack.extend(place.children.values())
        return False

    def drafts(self) -> Iterator[Draft]:
        """Drafts here and below."""
        stack = [self]
        while stack:
            place = stack.pop()
            if place.draft is not None:
                yield place.draft
            stack.extend(place.children.values())


class Recorder:
    """Collects the steps and edges of one flow."""

    def __init__(self, function: str) -> None:
        self.root = Place(function, (0, 0, 0, 0), ())
        self.edges: dict[tuple[int, int, EdgeKind], None] = {}
        self.direct: set[tuple[int, int, EdgeKind]] = set()
        self.drafts: dict[int, Draft] = {}
        self.hooked: dict[TaskValue, dict[int, Draft]] = {}  # called, and with callables in their options; by number
        self.latest: list[int] = []  # drafts in the order in which their calls were read, again at each reading
        self.touched = 0  # grows with every call that was recorded, also one that was known

    def connect(self, sources: Deps, target: int, kind: EdgeKind, direct: Deps = NO_DEPS) -> None:
        """Let ``target`` come after each of ``sources``.

        Args:
            sources: steps that a value was made from.
            target: the step that is given the value.
            kind: why it comes after them.
            direct: those of the sources whose future, state or result is given as it is. An edge that any reading of
                the call finds to be made otherwise is not direct.
        """
        for source in sources:
            if source in self.drafts:
                edge = (source, target, kind)
                if edge not in self.edges and source in direct:
                    self.direct.add(edge)
                elif source not in direct:
                    self.direct.discard(edge)
                self.edges[edge] = None

    def direct_edges(self) -> frozenset[tuple[str, str, EdgeKind]]:
        """Edges whose value is handed on as it is, by step id; after :meth:`finish`."""
        ids = {number: draft.step_id for number, draft in self.drafts.items()}
        return frozenset((ids[source], ids[target], kind) for source, target, kind in self.direct)

    def closed_parameters(self) -> dict[tuple[str, str], frozenset[str]]:
        """Parameters of steps whose values were made from these steps and no others; after :meth:`finish`."""
        ids = {number: draft.step_id for number, draft in self.drafts.items()}
        named: dict[Deps, frozenset[str]] = {}
        found: dict[tuple[str, str], frozenset[str]] = {}
        for draft in self.drafts.values():
            for name, deps in draft.closed.items():
                steps = named.get(deps)
                if steps is None:
                    steps = named[deps] = frozenset(ids[number] for number in deps if number in ids)
                found[draft.step_id, name] = steps
        return found

    def recorded_names(self) -> dict[str, frozenset[str]]:
        """Step id to the names that an engine may record its function under; after :meth:`finish`."""
        return {draft.step_id: draft.recorded_as for draft in self.drafts.values() if draft.recorded_as}

    def hints(self) -> Hints:
        """What a comparison with a run needs and a plan does not hold; after :meth:`finish`."""
        return Hints(self.direct_edges(), self.closed_parameters(), self.recorded_names())

    def finish(self) -> tuple[list[Step], list[Edge]]:
        """Number the calls of each scope and build the models, in source order."""
        steps: list[Step] = []
        order: dict[int, int] = {}
        models = StepModels()
        stack = [(self.root, self.root.label)]
        while stack:
            place, name = stack.pop()
            if place.draft is not None:
                place.draft.step_id = name
                order[place.draft.number] = len(steps)
                steps.append(models.step(place.draft, place.sites))
            if place.children:
                stack.extend(reversed(list(_numbered(place, name))))
        ranked = sorted((order[source], order[target], kind) for source, target, kind in self.edges)
        ids = [step.step_id for step in steps]
        # Ids of steps are valid, and so is a kind that is a member.
        edges = [
            Edge.of_valid({"source": ids[source], "target": ids[target], "kind": kind})
            for source, target, kind in ranked
        ]
        return steps, edges


def _numbered(place: Place, name: str) -> Iterator[tuple[Place, str]]:
    counts: dict[str, int] = {}
    children = [child for child in place.children.values() if child.draft is not None or child.holds_step()]
    for child in sorted(children, key=lambda item: item.position):
        counts[child.label] = counts.get(child.label, 0) + 1
        yield child, f"{name}/{child.label}#{counts[child.label]}"


def position_of(node: ast.AST) -> Position:
    """Line and column of start and end."""
    if type(node) is ast.Call:  # what is asked for most: all four are there
        return node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
    return (line, column, getattr(node, "end_lineno", line) or line, getattr(node, "end_col_offset", column) or column)
