"""Which planned step each recorded call is.

An engine's own record names the function of a call and nothing else, so a function that is called at three sites has
three candidates. They are narrowed by what must fit together: each recorded edge needs a planned edge between the
steps at its ends, a step outside loops runs once, and a call inside a task belongs to a step below that task's.

First every call keeps all candidates that some candidate of each neighbour supports (arc consistency: nothing that
could be right is lost). Then one choice is made that fits everywhere, by search with a limit. Where no choice fits,
either the record does not follow the plan, or it holds edges that nobody made (an engine may take one object for
another's result). Then the choice that breaks least is looked for, by making it greedily and mending it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from govflow.ir.execution import Executed, ExecutedEdge, ExecutedGraph, Hints, Link
from govflow.ir.models import EdgeKind, Multiplicity, Plan, Step, StepKind

_TRIES: Final = 20_000  # of the search, and forty more for each call
_MENDED: Final = 400  # calls with several candidates that are looked at again
_ROUNDS: Final = 20
_CALLED: Final = frozenset({StepKind.TASK, StepKind.SUBFLOW})
_RANK: Final = {Multiplicity.ONE: 0, Multiplicity.OPTIONAL: 1, Multiplicity.MANY: 2}


class Fit:
    """What a plan allows: which edges, and how often each step."""

    def __init__(self, plan: Plan, hints: Hints, *, attempts: int = 1) -> None:
        self.closed = hints.closed
        self.steps = {step.step_id: step for step in plan.steps}
        self.edges = frozenset((edge.source, edge.target, edge.kind) for edge in plan.edges)
        self.enclosing = {name: self._enclosing(name) for name in self.steps}
        self.rank = {name: (_RANK[step.multiplicity], place) for place, (name, step) in enumerate(self.steps.items())}
        self._once = {name for name, step in self.steps.items() if attempts <= 1 and self._runs_once(step)}
        self._by_name: dict[str, list[str]] = {}
        for step in plan.steps:
            if step.kind in _CALLED:
                for name in hints.names.get(step.step_id) or {_last(step.callee)}:
                    self._by_name.setdefault(name, []).append(step.step_id)

    def _enclosing(self, step_id: str) -> tuple[str, ...]:
        """Steps that a step is called inside, the innermost first; the flow's own body is none."""
        found, name = [], step_id.rpartition("/")[0]
        while name:
            step = self.steps.get(name)
            if step is not None and step.kind is not StepKind.BODY:
                found.append(name)
            name = name.rpartition("/")[0]
        return tuple(found)

    def _runs_once(self, step: Step) -> bool:
        retried = any(self.steps[name].retries for name in self.enclosing[step.step_id])
        return step.multiplicity is not Multiplicity.MANY and not retried

    def candidates(self, call: Executed) -> list[str]:
        """Steps that a call may be, by what its log says or else by the name of its function."""
        if call.step_ids:
            return sorted(call.step_ids & self.steps.keys(), key=self.rank.__getitem__)
        return sorted(self._by_name.get(call.callee, ()), key=self.rank.__getitem__)

    def runs_once(self, step_id: str) -> bool:
        """Whether a second call of it is one too many."""
        return step_id in self._once

    def is_mandatory(self, step_id: str) -> bool:
        """Whether a run that completes must have called it."""
        step = self.steps[step_id]
        return step.kind in _CALLED and step.multiplicity is Multiplicity.ONE

    def allows(self, link: Link, source: str, target: str) -> bool:
        """Whether the plan has an edge that covers such a recorded one."""
        if link is Link.DATA:
            return (source, target, EdgeKind.DATA) in self.edges
        if link is Link.ORDER:
            return (source, target, EdgeKind.ORDER) in self.edges
        # A generator that still runs counts as the parent of what is given its items.
        return source in self.enclosing[target] or (source, target, EdgeKind.DATA) in self.edges

    def may_share(self, edge: ExecutedEdge, source: str, target: str) -> bool:
        """Whether an edge that is not planned may only say that two values are the same object."""
        made_from = self.closed.get((target, edge.parameter))
        return edge.link is Link.DATA and made_from is not None and source not in made_from


def _last(callee: str) -> str:
    return callee.rpartition(":")[2].rpartition(".")[2]


@dataclass(slots=True)
class Assignment:
    """One step for each call that has a candidate."""

    steps: dict[str, str] = field(default_factory=dict)  # run id to step id
    candidates: dict[str, tuple[str, ...]] = field(default_factory=dict)  # those that were left


def assign(graph: ExecutedGraph, fit: Fit) -> Assignment:
    """Find a step for each call."""
    calls = [call for call in graph.calls if fit.candidates(call)]
    domains = {call.run_id: fit.candidates(call) for call in calls}
    edges = [edge for edge in graph.edges if edge.source in domains and edge.target in domains]
    _outside_first(domains, edges, fit)
    narrowed = dict(domains)
    _make_consistent(narrowed, edges, fit)
    order = sorted(narrowed, key=lambda name: len(narrowed[name]))
    chosen = _search(order, narrowed, _neighbours(order, edges), fit)
    if chosen is None or not _reaches_all(chosen, domains, fit):
        narrowed = domains
        order = sorted(narrowed, key=lambda name: len(narrowed[name]))
        chosen = chosen or _greedy(order, narrowed, _neighbours(order, edges), fit)
        _mend(chosen, narrowed, edges, fit)
    return Assignment(chosen, {name: tuple(found) for name, found in narrowed.items()})


def _outside_first(domains: dict[str, list[str]], edges: Iterable[ExecutedEdge], fit: Fit) -> None:
    """A call without a parent was made outside any task, if the plan has such a site."""
    inside = {edge.target for edge in edges if edge.link is Link.PARENT}
    for name, found in domains.items():
        outside = [step_id for step_id in found if not fit.enclosing[step_id]]
        if name not in inside and outside:
            domains[name] = outside


def _make_consistent(domains: dict[str, list[str]], edges: list[ExecutedEdge], fit: Fit) -> None:
    """Drop candidates that no candidate at the other end of an edge supports. An edge that fits nowhere drops none."""
    at: dict[str, list[ExecutedEdge]] = {}
    for edge in edges:
        at.setdefault(edge.source, []).append(edge)
        at.setdefault(edge.target, []).append(edge)
    waiting = deque(edges)
    queued = set(edges)
    while waiting:
        edge = waiting.popleft()
        queued.discard(edge)
        left, right = domains[edge.source], domains[edge.target]
        pairs = [(a, b) for a in left for b in right if fit.allows(edge.link, a, b)]
        if not pairs:
            continue
        for name, kept in ((edge.source, {a for a, _ in pairs}), (edge.target, {b for _, b in pairs})):
            if len(kept) < len(domains[name]):
                domains[name] = [step_id for step_id in domains[name] if step_id in kept]
                again = [other for other in at[name] if other not in queued]
                waiting.extend(again)
                queued.update(again)


_Beside = dict[str, list[tuple[Link, str, bool]]]
"""For each call its edges to calls that stand earlier in the order; True where it is the target."""


def _neighbours(order: list[str], edges: Iterable[ExecutedEdge]) -> _Beside:
    place = {name: index for index, name in enumerate(order)}
    beside: _Beside = {name: [] for name in order}
    for edge in edges:
        if place[edge.source] < place[edge.target]:
            beside[edge.target].append((edge.link, edge.source, True))
        elif place[edge.source] > place[edge.target]:
            beside[edge.source].append((edge.link, edge.target, False))
    return beside


def _broken(name: str, step_id: str, chosen: Mapping[str, str], beside: _Beside, fit: Fit) -> int:
    """How many edges to calls that have their step already such a choice would break."""
    broken = 0
    for link, other, is_target in beside[name]:
        if other in chosen:
            source, target = (chosen[other], step_id) if is_target else (step_id, chosen[other])
            broken += not fit.allows(link, source, target)
    return broken


def _search(order: list[str], domains: Mapping[str, list[str]], beside: _Beside, fit: Fit) -> dict[str, str] | None:
    """A choice that breaks nothing, or None where there is none or the limit is reached."""
    chosen: dict[str, str] = {}
    used: dict[str, int] = {}
    options: list[list[str]] = []
    tries = _TRIES + 40 * len(order)
    while len(chosen) < len(order):
        name = order[len(chosen)]
        if len(options) == len(chosen):
            found = sorted(domains[name], key=lambda step_id: (used.get(step_id, 0) > 0, fit.rank[step_id]))
            options.append(found[::-1])
        while options[-1]:
            tries -= 1
            step_id = options[-1].pop()
            taken = used.get(step_id, 0) > 0 and fit.runs_once(step_id)
            if not taken and not _broken(name, step_id, chosen, beside, fit):
                chosen[name] = step_id
                used[step_id] = used.get(step_id, 0) + 1
                break
        else:
            options.pop()
            if not options or tries < 0:
                return None
            used[chosen.pop(order[len(options) - 1])] -= 1
    return chosen


def _greedy(order: list[str], domains: Mapping[str, list[str]], beside: _Beside, fit: Fit) -> dict[str, str]:
    chosen: dict[str, str] = {}
    used: dict[str, int] = {}
    for name in order:

        def cost(step_id: str, name: str = name) -> tuple[int, int, bool, tuple[int, int]]:
            over = used.get(step_id, 0) > 0 and fit.runs_once(step_id)
            return (
                over + _broken(name, step_id, chosen, beside, fit),
                over,
                used.get(step_id, 0) > 0,
                fit.rank[step_id],
            )

        chosen[name] = min(domains[name], key=cost)
        used[chosen[name]] = used.get(chosen[name], 0) + 1
    return chosen


def _reaches_all(chosen: Mapping[str, str], domains: Mapping[str, list[str]], fit: Fit) -> bool:
    """Whether every mandatory step that some call could be has a call."""
    reached = set(chosen.values())
    return not any(
        fit.is_mandatory(step_id) and step_id not in reached for found in domains.values() for step_id in found
    )


def _mend(chosen: dict[str, str], domains: Mapping[str, list[str]], edges: Iterable[ExecutedEdge], fit: Fit) -> None:
    """Change single choices, or let two calls change places, as long as that breaks less."""
    at: dict[str, list[ExecutedEdge]] = {name: [] for name in chosen}
    for edge in edges:
        at[edge.source].append(edge)
        at[edge.target].append(edge)
    counts: dict[str, int] = {}
    for step_id in chosen.values():
        counts[step_id] = counts.get(step_id, 0) + 1

    def cost(names: tuple[str, ...]) -> int:
        near = {edge for name in names for edge in at[name]}
        loose = [edge for edge in near if not fit.allows(edge.link, chosen[edge.source], chosen[edge.target])]
        broken = sum(1 if fit.may_share(edge, chosen[edge.source], chosen[edge.target]) else 4 for edge in loose)
        over = sum(counts[step_id] - 1 for step_id in {chosen[name] for name in names} if fit.runs_once(step_id))
        empty = sum(
            not counts.get(step_id) and fit.is_mandatory(step_id) for name in names for step_id in domains[name]
        )
        return broken + 5 * over + 5 * empty

    def move(name: str, step_id: str) -> None:
        counts[chosen[name]] -= 1
        counts[step_id] = counts.get(step_id, 0) + 1
        chosen[name] = step_id

    open_calls = [name for name in chosen if len(domains[name]) > 1][:_MENDED]
    for _ in range(_ROUNDS):
        better = False
        for name in open_calls:
            for step_id in domains[name]:
                was = chosen[name]
                if step_id == was:
                    continue
                others = [other for other in open_calls if chosen[other] == step_id and was in domains[other]]
                for partner in [None, *others]:
                    names = (name,) if partner is None else (name, partner)
                    before = cost(names)
                    move(name, step_id)
                    if partner is not None:
                        move(partner, was)
                    if cost(names) < before:
                        better = True
                        break
                    if partner is not None:
                        move(partner, step_id)
                    move(name, was)
                if chosen[name] != was:
                    break
        if not better:
            return
