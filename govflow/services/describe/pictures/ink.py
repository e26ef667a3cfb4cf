"""Colours, letters and shapes of the SVG picture.

Every shape carries the colours of the light picture as attributes, so that it is right without style sheets; the dark
one is a style sheet over its classes. Colours are tiers and never the only sign.
"""

from __future__ import annotations

from typing import Final

from govflow.services.describe.escape import width
from govflow.services.describe.pictures.marks import element, text

UNKNOWN: Final = "u"  # the look of a step of which nothing is known
LETTER: Final = 7.3  # width of a letter of a step's title, in points
SMALL: Final = 6.05  # of any smaller one

_FILLS: Final = {"0": "#e8f5e9", "1": "#e3f2fd", "2": "#fff3e0", "3": "#ffebee", "u": "#f3f4f6"}
_LINES: Final = {"0": "#2e7d32", "1": "#1565c0", "2": "#e65100", "3": "#b71c1c", "u": "#6e7781"}
_GREY: Final = "#6e7781"
_INKS: Final = {"ink": "#1f2328", "pale": "#59636e", "on": "#ffffff"}

STYLE: Final = """
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
.m{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}
@media (prefers-color-scheme:dark){
.paper{fill:#0d1117}.panel{fill:#161b22;stroke:#30363d}.ink{fill:#e6edf3}.pale{fill:#9da7b3}.on{fill:#0d1117}
.line{stroke:#9da7b3}.tip{fill:#9da7b3}
.f0{fill:#12301b}.f1{fill:#10294a}.f2{fill:#43280a}.f3{fill:#4a1418}.fu{fill:#21262d}
.s0{stroke:#56d364}.s1{stroke:#6cb6ff}.s2{stroke:#f0a04b}.s3{stroke:#ff7b72}.su{stroke:#9da7b3}
.n0{fill:#56d364}.n1{fill:#6cb6ff}.n2{fill:#f0a04b}.n3{fill:#ff7b72}.nu{fill:#9da7b3}
}
"""


def box(
    look: str, x: float, y: float, wide: float, high: float, *, round_: float = 9, line: float = 1.4, dashes: str = ""
) -> str:
    """A rectangle in the colours of a tier, or of what is unknown."""
    colours = {"class": f"f{look} s{look}", "fill": _FILLS[look], "stroke": _LINES[look], "stroke-width": line}
    return _rect({**colours, **({"stroke-dasharray": dashes} if dashes else {})}, x, y, wide, high, round_)


def solid(look: str, x: float, y: float, wide: float, high: float, round_: float) -> str:
    """A rectangle full of a tier's colour, for white letters."""
    return _rect({"class": f"n{look}", "fill": _LINES[look]}, x, y, wide, high, round_)


def hollow(x: float, y: float, wide: float, high: float, round_: float, *, line: float = 1.2, dashes: str = "") -> str:
    """The outline of a rectangle."""
    grey = {"class": "line", "fill": "none", "stroke": _GREY, "stroke-width": line}
    return _rect({**grey, **({"stroke-dasharray": dashes} if dashes else {})}, x, y, wide, high, round_)


def sheet(wide: float, high: float) -> str:
    """The paper."""
    return _rect({"class": "paper", "fill": "#ffffff"}, 0.0, 0.0, wide, high, 0)


def panel(wide: float, high: float) -> str:
    """The ground of one flow."""
    return _rect({"class": "panel", "fill": "#fafbfc", "stroke": "#d0d7de"}, 0.0, 0.0, wide, high, 12)


def curve(path: str, *, dashed: bool) -> str:
    """A line with an arrow at its end."""
    drawn = {"class": "line", "d": path, "fill": "none", "stroke": _GREY, "stroke-width": 1.4}
    return element(
        "path", {**drawn, **({"stroke-dasharray": "5 4"} if dashed else {}), "marker-end": "url(#govflow-tip)"}
    )


def arrow_tip() -> str:
    """What lines end in."""
    tip = element("path", {"class": "tip", "d": "M0 0L8 4L0 8z", "fill": _GREY})
    size = {"markerWidth": 8, "markerHeight": 8, "refX": 4, "refY": 4, "orient": "auto"}
    marker = {"id": "govflow-tip", **size, "markerUnits": "userSpaceOnUse"}
    return element("defs", {}, element("marker", marker, tip))


def words(
    x: float,
    y: float,
    said: str,
    size: float,
    ink: str = "ink",
    *,
    bold: bool = False,
    mono: bool = False,
    anchor: str = "",
) -> str:
    """One line of text, ``y`` its base line. Nothing for no text."""
    if not said:
        return ""
    attributes: dict[str, object] = {"class": f"{ink} m" if mono else ink, "x": x, "y": y, "font-size": size}
    attributes |= {"fill": _INKS[ink], "font-family": "monospace" if mono else "sans-serif"}
    if bold:
        attributes["font-weight"] = 650
    if anchor:
        attributes["text-anchor"] = anchor
    return element("text", attributes, text(said))


def cut(said: str, room: float, letter: float = SMALL) -> str:
    """As much as fits; wide letters count twice."""
    fits = max(int(room / letter), 1)
    if width(said) <= fits:
        return said
    while said and width(said) > fits - 1:
        said = said[:-1]
    return said + "…"


def _rect(look: dict[str, object], x: float, y: float, wide: float, high: float, round_: float) -> str:
    place = {"x": x, "y": y} if x or y else {}
    return element("rect", {**place, "width": wide, "height": high, **({"rx": round_} if round_ else {}), **look})
