"""A plan as a networkx graph: steps are nodes, edges carry the kinds that hold between two steps."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

import networkx as nx

from govflow.ir.hashing import step_hashes
from govflow.ir.models import Plan

if TYPE_CHECKING:
    StepGraph = nx.DiGraph[str]


def graph(plan: Plan, hashes: dict[str, str] | None = None, *, into: Container[str] | None = None) -> StepGraph:
    """The plan's graph: node attribute ``step_hash``, edge attribute ``kinds`` (frozenset of ``data``, ``order``).

    Args:
        plan: its step ids are unique and its edges stay inside it, as :func:`govflow.ir.hashing.plan_hash` checks.
        hashes: ``step_hashes(plan)``, where the caller has it already.
        into: only these steps, the edges that lead to them, and the steps where those come from.
    """
    made: StepGraph = nx.DiGraph()
    values = step_hashes(plan) if hashes is None else hashes
    kinds: dict[tuple[str, str], set[str]] = {}
    for edge in plan.edges:
        if into is None or edge.target in into:
            kinds.setdefault((edge.source, edge.target), set()).add(edge.kind.value)
    sources = {source for source, _ in kinds}
    for step_id, value in values.items():
        if into is None or step_id in into or step_id in sources:
            made.add_node(step_id, step_hash=value)
    made.add_edges_from((source, target, {"kinds": frozenset(named)}) for (source, target), named in kinds.items())
    return made


def cycle(plan: Plan) -> tuple[str, ...]:
    """The step ids of one cycle, in order, or an empty tuple. O(V + E).

    A step in a loop may feed itself in the next turn, so a cycle is not an error by itself; an ordering that has to
    be drawn or followed needs a plan without one.
    """
    try:
        found = nx.find_cycle(graph(plan))
    except nx.NetworkXNoCycle:
        return ()
    return tuple(source for source, *_ in found)
