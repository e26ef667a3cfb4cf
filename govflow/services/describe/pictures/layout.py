"""Where the boxes of a graph stand: layers from left to right, few crossings, straight lines where they can be.

The method is Sugiyama's: turn round the edges that close a circle, put every node behind its predecessors, bend long
edges at the layers that they pass, sort each layer by the middle of its neighbours, then pull nodes level with theirs.
Everything is decided by the order in which nodes and edges are given, so the same graph gives the same picture.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import networkx as nx

_SWEEPS: Final = 12  # over the layers, to and fro
_PULLS: Final = 10  # of nodes towards their neighbours
_BENDS: Final = 2000  # of long edges, all together; beyond it the longest edges are left out
_EDGES: Final = 1500

Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Route:
    """An edge from left to right: the layers that it passes, with the height at each; both ends included."""

    edge: Edge  # as it was given
    points: tuple[tuple[int, float], ...]  # in the direction of the edge


@dataclass(slots=True)
class Layout:
    """Layer and height of each node; heights count in rows, from 0."""

    places: dict[int, tuple[int, float]] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    left_out: int = 0  # edges that are too many to draw
    layers: int = 0
    rows: float = 0.0


def lay_out(nodes: Sequence[int], edges: Iterable[Edge], alone_per_row: int = 4) -> Layout:
    """Place every node.

    Args:
        nodes: in the order in which they should be met, from the top and from the left.
        edges: between them; those from a node to itself are not drawn.
        alone_per_row: how many nodes without an edge stand side by side, at least.
    """
    made = Layout()
    wanted = [edge for edge in dict.fromkeys(edges) if edge[0] != edge[1]]
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(wanted)
    rank = {node: place for place, node in enumerate(nodes)}
    parts = sorted(
        (sorted(part, key=rank.__getitem__) for part in nx.weakly_connected_components(graph)),
        key=lambda part: rank[part[0]],
    )
    for part in parts:
        if len(part) > 1:
            inside = [edge for edge in wanted if edge[0] in set(part)] if len(parts) > 1 else wanted
            _stack(made, _part(part, inside))
    _grid(made, [part[0] for part in parts if len(part) == 1], alone_per_row)
    return made


def _stack(made: Layout, part: Layout) -> None:
    """Put a part below what stands already."""
    top = made.rows
    for node, (layer, row) in part.places.items():
        made.places[node] = layer, row + top
    for route in part.routes:
        made.routes.append(Route(route.edge, tuple((layer, row + top) for layer, row in route.points)))
    made.left_out += part.left_out
    made.layers = max(made.layers, part.layers)
    made.rows = top + part.rows


def _grid(made: Layout, nodes: Sequence[int], at_least: int) -> None:
    columns = max(made.layers, min(at_least, len(nodes)))
    for place, node in enumerate(nodes):
        made.places[node] = place % columns, made.rows + place // columns
    if nodes:
        made.layers = max(made.layers, columns)
        made.rows += (len(nodes) + columns - 1) // columns


def _part(nodes: Sequence[int], edges: Sequence[Edge]) -> Layout:
    turned = _turned(nodes, edges)
    forward: dict[Edge, list[Edge]] = {}  # from left to right, to the edges as they were given: one or two
    for source, target in edges:
        end = (target, source) if (source, target) in turned else (source, target)
        forward.setdefault(end, []).append((source, target))
    layer = _layers(nodes, forward)
    drawn, left_out = _affordable(forward, layer)
    chains, layers = _bend(nodes, drawn, layer)
    links = [pair for chain in chains.values() for pair in pairwise(chain)]
    before, after = _neighbours(links)
    layers = _sorted(layers, before, after)
    rows = _level(layers, before, after)
    made = Layout(left_out=left_out, layers=len(layers), rows=max(rows.values()) + 1)
    bends = {item: place for place, items in enumerate(layers) for item in items}
    for node in nodes:
        made.places[node] = layer[node], rows[node]
    for edge, chain in chains.items():
        points = tuple((bends[item], rows[item]) for item in chain)
        for given in forward[edge]:
            made.routes.append(Route(given, points if given == edge else points[::-1]))
    return made


def _turned(nodes: Sequence[int], edges: Sequence[Edge]) -> set[Edge]:
    """Edges that lead back to where a walk came from: without them there is no circle."""
    following: dict[int, list[int]] = {node: [] for node in nodes}
    for source, target in edges:
        following[source].append(target)
    open_, closed, back = set[int](), set[int](), set[Edge]()
    for start in nodes:
        walk = [(start, iter(following[start]))] if start not in closed else []
        open_.update(node for node, _ in walk)
        while walk:
            node, rest = walk[-1]
            nearest = next(rest, None)
            if nearest is None:
                walk.pop()
                open_.discard(node)
                closed.add(node)
            elif nearest in open_:
                back.add((node, nearest))
            elif nearest not in closed:
                open_.add(nearest)
                walk.append((nearest, iter(following[nearest])))
    return back


def _layers(nodes: Sequence[int], edges: Iterable[Edge]) -> dict[int, int]:
    """Each node right behind the last of its predecessors; one without any right before its first successor."""
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    layer = {node: depth for depth, found in enumerate(nx.topological_generations(graph)) for node in found}
    for node in nodes:
        following = list(graph.successors(node))
        if following and not graph.in_degree(node):
            layer[node] = min(layer[other] for other in following) - 1
    return layer


def _affordable(edges: Mapping[Edge, Sequence[Edge]], layer: Mapping[int, int]) -> tuple[list[Edge], int]:
    """The edges that can be drawn, short ones first if there are too many; and how many are left out."""
    spans = sorted(edges, key=lambda edge: layer[edge[1]] - layer[edge[0]])
    bends = 0
    for number, (source, target) in enumerate(spans):
        bends += layer[target] - layer[source] - 1
        if bends > _BENDS or number >= _EDGES:
            kept = set(spans[:number])
            return [edge for edge in edges if edge in kept], len(edges) - number
    return list(edges), 0


def _bend(
    nodes: Sequence[int], edges: Sequence[Edge], layer: Mapping[int, int]
) -> tuple[dict[Edge, list[int]], list[list[int]]]:
    """Each edge as a chain with a bend in every layer that it passes, and the layers with nodes and bends.

    Bends are negative numbers.
    """
    layers: list[list[int]] = [[] for _ in range(max(layer.values()) + 1)]
    for node in nodes:
        layers[layer[node]].append(node)
    chains: dict[Edge, list[int]] = {}
    number = 0
    for source, target in edges:
        chain = [source]
        for passed in range(layer[source] + 1, layer[target]):
            number -= 1
            layers[passed].append(number)
            chain.append(number)
        chains[source, target] = [*chain, target]
    return chains, layers


def _neighbours(links: Iterable[Edge]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for source, target in links:
        before.setdefault(target, []).append(source)
        after.setdefault(source, []).append(target)
    return before, after


def _sorted(
    layers: list[list[int]], before: Mapping[int, Sequence[int]], after: Mapping[int, Sequence[int]]
) -> list[list[int]]:
    """The layers in the order with the fewest crossings that some sweeps find."""
    best, fewest = [list(items) for items in layers], _crossings(layers, after)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        forward = sweep % 2 == 0
        beside = before if forward else after
        for place in range(1, len(layers)) if forward else range(len(layers) - 2, -1, -1):
            at = {item: spot for spot, item in enumerate(layers[place - 1 if forward else place + 1])}
            layers[place] = _by_middle(layers[place], beside, at)
        found = _crossings(layers, after)
        if found < fewest:
            best, fewest = [list(items) for items in layers], found
    return best


def _by_middle(items: list[int], beside: Mapping[int, Sequence[int]], at: Mapping[int, int]) -> list[int]:
    """Sorted by the mean place of the neighbours; who has none keeps its place."""
    middles = {}
    for spot, item in enumerate(items):
        spots = [at[other] for other in beside.get(item, ()) if other in at]
        middles[item] = sum(spots) / len(spots) if spots else float(spot)
    return sorted(items, key=middles.__getitem__)


def _crossings(layers: Sequence[Sequence[int]], after: Mapping[int, Sequence[int]]) -> int:
    total = 0
    for place in range(len(layers) - 1):
        at = {item: spot for spot, item in enumerate(layers[place + 1])}
        seen: list[int] = []
        for item in layers[place]:
            spots = sorted(at[other] for other in after.get(item, ()) if other in at)
            total += sum(len(seen) - bisect(seen, spot) for spot in spots)
            for spot in spots:
                insort(seen, spot)
    return total


def _level(
    layers: Sequence[Sequence[int]], before: Mapping[int, Sequence[int]], after: Mapping[int, Sequence[int]]
) -> dict[int, float]:
    """Heights that keep the order and the distances in each layer and are near to those of the neighbours."""
    rows = {item: float(spot) for items in layers for spot, item in enumerate(items)}
    for pull in range(_PULLS):
        forward = pull % 2 == 0
        for items in layers if forward else reversed(layers):
            wanted = []
            for item in items:
                beside = (
                    [*before.get(item, ()), *after.get(item, ())]
                    if pull > 1
                    else (before if forward else after).get(item, ())
                )
                wanted.append(sum(rows[other] for other in beside) / len(beside) if beside else rows[item])
            # A bend needs less room than a box.
            gaps = [1.0 if above >= 0 and item >= 0 else 0.6 for above, item in pairwise(items)]
            rows.update(zip(items, _spread(wanted, gaps), strict=True))
    top = min(rows.values())
    return {item: row - top for item, row in rows.items()}


def _spread(wanted: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The heights nearest to those wanted (least squares) with at least these gaps: pooling of adjacent violators."""
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    pools: list[tuple[float, int]] = []  # mean, how many
    for place, value in enumerate(wanted):
        mean, size = value - offsets[place], 1
        while pools and pools[-1][0] > mean:
            above, count = pools.pop()
            mean, size = (mean * size + above * count) / (size + count), size + count
        pools.append((mean, size))
    means = [mean for mean, size in pools for _ in range(size)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
