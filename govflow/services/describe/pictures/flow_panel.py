"""One flow of the SVG picture: a heading, and its steps as boxes with curves between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from govflow.services.describe.escape import width
from govflow.services.describe.pictures.drawing import Box, Drawing
from govflow.services.describe.pictures.ink import LETTER, SMALL, UNKNOWN, box, curve, cut, panel, solid, words
from govflow.services.describe.pictures.layout import Layout, Route, lay_out
from govflow.services.describe.pictures.marks import element, text
from govflow.services.describe.plans import TIER_NAMES

# Points.
_HIGH, _GAP = 62, 22  # of a box, and between two of them
_ACROSS = 64  # between two layers
_HEAD, _PAD, _FOOT = 64, 20, 18
_NARROW, _WIDE = 150, 290  # boxes
_BADGE, _TAG = 104, 50


@dataclass(frozen=True, slots=True)
class Panel:
    """A flow that has its places and its size."""

    drawing: Drawing
    layout: Layout
    box: float  # width of its boxes
    width: float
    height: float


def laid_out(drawing: Drawing) -> Panel:
    """Find a place for every box."""
    layout = lay_out([one.number for one in drawing.boxes], [(line.source, line.target) for line in drawing.lines])
    wide = min(max([_needed(one) for one in drawing.boxes], default=0.0), _WIDE)
    wide = max(wide, _NARROW)
    heading = min(max(width(drawing.title) * 9.5 + _BADGE + 30, width(drawing.name) * SMALL + 60, 300), 900)
    inner = max(layout.layers * (wide + _ACROSS) - _ACROSS, heading)
    high = max(layout.rows * (_HIGH + _GAP) - _GAP, 0)
    return Panel(
        drawing, layout, wide, inner + 2 * _PAD, _HEAD + high + _PAD + (_FOOT if _notes(drawing, layout) else 0)
    )


def panel_svg(made: Panel, x: float, y: float) -> str:
    """The group of elements of one flow, its upper left corner at a place."""
    drawing, look = made.drawing, UNKNOWN if made.drawing.tierless else str(made.drawing.tier)
    right, room = made.width - _PAD, made.width - 2 * _PAD
    parts = [
        panel(made.width, made.height),
        words(_PAD, 28, cut(drawing.title, room - _BADGE - 20, 9.3), 16, bold=True),
        words(_PAD, 46, cut(drawing.name, room - 60), 10.5, "pale", mono=True),
        solid(look, right - _BADGE, 14, _BADGE, 20, 10),
        words(right - _BADGE / 2, 28, _badge(drawing), 11, "on", bold=True, anchor="middle"),
        words(right, 47, drawing.verdict, 10.5, "pale", anchor="end"),
        *_contents(made),
        words(_PAD, made.height - 12, cut(_notes(drawing, made.layout), room), 10.5, "pale"),
    ]
    return element("g", {"transform": f"translate({x:g} {y:g})"}, "\n".join(["", *filter(None, parts), ""]))


def _badge(drawing: Drawing) -> str:
    return "tier unknown" if drawing.tierless else f"tier {drawing.tier} {TIER_NAMES[drawing.tier]}"


def _needed(one: Box) -> float:
    tag = _TAG if one.tag else 0
    return 48 + max(width(one.title) * LETTER + tag, max(width(one.does), width(one.to)) * SMALL)


def _notes(drawing: Drawing, layout: Layout) -> str:
    lines = f"{layout.left_out} more lines are not drawn" if layout.left_out else ""
    return "; ".join(note for note in (drawing.omission(), lines) if note)


def _contents(made: Panel) -> Iterator[str]:
    order = {(line.source, line.target): line.order for line in made.drawing.lines}
    for route in made.layout.routes:
        yield curve(_path(made, route), dashed=order[route.edge])
    for one in made.drawing.boxes:
        layer, row = made.layout.places[one.number]
        yield _step(one, _left(made, layer), _upper(row), made.box)


def _left(made: Panel, layer: float) -> float:
    return _PAD + layer * (made.box + _ACROSS)


def _upper(row: float) -> float:
    return _HEAD + row * (_HIGH + _GAP)


def _path(made: Panel, route: Route) -> str:
    """A curve from side to side of the boxes, level where it passes a layer; its end leaves room for the arrow."""
    forward = route.points[0][0] < route.points[-1][0]
    step = 1 if forward else -1
    heights = [_upper(row) + _HIGH / 2 for _, row in route.points]
    lefts = [_left(made, layer) for layer, _ in route.points]
    leave = [left + (made.box if forward else 0) for left in lefts]
    arrive = [left + (0 if forward else made.box) for left in lefts]
    arrive[-1] -= 5 * step
    bend = step * _ACROSS * 0.55
    path = [f"M{leave[0]:.1f} {heights[0]:.1f}"]
    for place in range(1, len(heights)):
        start, end, above, below = leave[place - 1], arrive[place], heights[place - 1], heights[place]
        path.append(f"C{start + bend:.1f} {above:.1f} {end - bend:.1f} {below:.1f} {end:.1f} {below:.1f}")
        if place < len(heights) - 1:
            path.append(f"H{leave[place]:.1f}")
    return "".join(path)


def _step(one: Box, x: float, y: float, wide: float) -> str:
    unread = one.known == "unread"
    look = str(one.tier) if one.known == "yes" or one.tier else UNKNOWN
    tag = one.tag
    room = wide - 46
    parts = [
        element("title", {}, text("\n".join(one.more))),
        box(look, 0.0, 0.0, wide, _HIGH, line=2.2 if unread else 1.4, dashes="2 3" if unread else ""),
        box(look, 3.5, 3.5, wide - 7, _HIGH - 7, round_=6, line=1) if tag == "many" else "",
        solid(look, 11, 11, 20, 20, 5),
        words(21, 25.5, one.mark, 12.5, "on", bold=True, anchor="middle"),
        words(38, 25.5, cut(one.title, room - (_TAG - 6 if tag else 0), LETTER), 12, bold=True, mono=True),
        words(38, 41, cut(one.does, room), 10.5),
        words(38, 54, cut(one.to, room), 10, "pale", mono=True),
        words(wide - 10, 24, tag, 9.5, "pale", anchor="end"),
    ]
    return element("g", {"transform": f"translate({x:.1f} {y:.1f})"}, "".join(parts))
