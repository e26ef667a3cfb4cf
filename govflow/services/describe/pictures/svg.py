"""Plans as one standalone SVG: no script, no link, no font and no picture from elsewhere.

Every text is somebody's: it is cut to what fits, stripped of control characters and escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Final

from govflow.services.describe.pictures.drawing import Drawing, total
from govflow.services.describe.pictures.flow_panel import Panel, laid_out, panel_svg
from govflow.services.describe.pictures.ink import STYLE, UNKNOWN, arrow_tip, box, curve, hollow, sheet, words
from govflow.services.describe.pictures.marks import element, text
from govflow.services.describe.plans import TIER_NAMES, UNKNOWN_TIER, beyond_tiers

MOST_FLOWS: Final = 150
MOST_BOXES: Final = 3000  # of all flows together

_BETWEEN, _TOP, _FOOT = 28, 84, 64  # points: between panels, above and below them
_LEAST: Final = 860.0  # the legend needs this
_DESCRIBED: Final = 20  # flows that are named for those who cannot see


def plans_svg(drawings: Sequence[Drawing], title: str) -> str:
    """All flows in one picture, the riskiest first.

    Args:
        drawings: the flows.
        title: of the picture.
    """
    panels, omitted = _affordable(drawings)
    places, wide, high = _shelves(panels)
    parts = [
        element("title", {"id": "govflow-title"}, text(title)),
        element("desc", {"id": "govflow-desc"}, text(_described(drawings, omitted))),
        element("style", {}, STYLE),
        arrow_tip(),
        sheet(wide, high),
        words(_BETWEEN, 40, title, 22, bold=True),
        words(_BETWEEN, 62, f"{total(drawings)}{omitted}", 12.5, "pale"),
        *_tally(drawings, wide),
        *(panel_svg(panel, x, y) for panel, (x, y) in zip(panels, places, strict=True)),
        *_legend(high - 24),
    ]
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "width": wide,
        "height": high,
        "viewBox": f"0 0 {wide:g} {high:g}",
        "role": "img",
        "aria-labelledby": "govflow-title govflow-desc",
    }
    return element("svg", attributes, "\n".join(["", *filter(None, parts), ""])) + "\n"


def _affordable(drawings: Sequence[Drawing]) -> tuple[list[Panel], str]:
    """The flows that are drawn, and what to say of the others."""
    ranked = sorted(drawings, key=lambda drawing: (-drawing.tier, drawing.name))
    chosen: list[Drawing] = []
    boxes = 0
    for drawing in ranked[:MOST_FLOWS]:
        boxes += len(drawing.boxes)
        if chosen and boxes > MOST_BOXES:
            break
        chosen.append(drawing)
    rest = len(ranked) - len(chosen)
    return [laid_out(drawing) for drawing in chosen], f"; {rest} flows of them are not drawn" if rest else ""


def _shelves(panels: Sequence[Panel]) -> tuple[list[tuple[float, float]], float, float]:
    """Panels side by side in rows of about the width that makes the whole a little wider than high."""
    area = sum((panel.width + _BETWEEN) * (panel.height + _BETWEEN) for panel in panels)
    wide = max([sqrt(area * 1.5), *(panel.width for panel in panels)], default=0.0)
    places: list[tuple[float, float]] = []
    x, y, tallest, widest = float(_BETWEEN), float(_TOP), 0.0, _LEAST
    for panel in panels:
        if x > _BETWEEN and x + panel.width > wide + _BETWEEN:
            x, y, tallest = float(_BETWEEN), y + tallest + _BETWEEN, 0.0
        places.append((x, y))
        x += panel.width + _BETWEEN
        tallest, widest = max(tallest, panel.height), max(widest, x)
    return places, round(widest), round(y + tallest + _FOOT)


def _tally(drawings: Sequence[Drawing], wide: float) -> Iterator[str]:
    """How many steps of each tier, highest first, then those without one, in the upper right corner."""
    counts = dict.fromkeys((*"3210", UNKNOWN_TIER), 0)
    for drawing in drawings:
        for one in drawing.boxes:
            counts[one.mark] += 1
        for tier, number in drawing.left_out:
            counts[str(tier)] += number
        counts[UNKNOWN_TIER] += drawing.left_unread
    if not counts[UNKNOWN_TIER]:
        del counts[UNKNOWN_TIER]
    x = wide - _BETWEEN - len(counts) * 92 + 6
    for mark, number in counts.items():
        unknown = mark == UNKNOWN_TIER
        said = "? unresolved" if unknown else f"tier {mark} {TIER_NAMES[int(mark)]}"
        yield box(UNKNOWN if unknown else mark, x, 26, 86, 40, round_=8, dashes="2 3" if unknown else "")
        yield words(x + 43, 45, str(number), 15, bold=True, anchor="middle")
        yield words(x + 43, 59, said, 10, "pale", anchor="middle")
        x += 92


def _legend(y: float) -> Iterator[str]:
    x = float(_BETWEEN)
    for dashed, said in ((False, "its result is used"), (True, "waits, uses no data")):
        yield curve(f"M{x:g} {y - 4:g}h34", dashed=dashed)
        yield words(x + 46, y, said, 11, "pale")
        x += 62 + len(said) * 6
    for shape, said in (("many", "any number of times"), ("unread", "could not be read"), ("no", "nothing known")):
        if shape == "unread":
            yield hollow(x, y - 13, 26, 16, 5, line=2, dashes="2 3")
        else:
            yield box(UNKNOWN, x, y - 13, 26, 16, round_=5, line=1.2) if shape == "no" else hollow(x, y - 13, 26, 16, 5)
        if shape == "many":
            yield hollow(x + 3, y - 10, 20, 10, 3)
        yield words(x + 36, y, said, 11, "pale")
        x += 54 + len(said) * 6
    yield words(x, y, "number and colour: the tier", 11, "pale")


def _described(drawings: Sequence[Drawing], omitted: str) -> str:
    worst = max((drawing.tier for drawing in drawings), default=0)
    beyond = beyond_tiers(sum(drawing.unread for drawing in drawings))
    flows = "; ".join(f"{drawing.name} {drawing.tier_words}" for drawing in drawings[:_DESCRIBED])
    return f"Flows drawn as graphs of their steps. {total(drawings)}{omitted}, highest tier {worst}{beyond}. {flows}"
