"""Plans in the language of Graphviz: ``dot -Tsvg``. Labels are plain strings, never HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from govflow.services.describe.escape import plain
from govflow.services.describe.pictures.drawing import Box, Drawing

_FILLS: Final = ("#e8f5e9", "#e3f2fd", "#fff3e0", "#ffebee")
_LINES: Final = ("#2e7d32", "#1565c0", "#e65100", "#b71c1c")
_GREY: Final = "#6e7781"  # no tier


def plans_dot(drawings: Sequence[Drawing], title: str) -> str:
    """All flows as one graph, each a cluster."""
    lines = [
        "digraph govflow {",
        f"  graph [label={quoted(title)}, labelloc=t, rankdir=LR, fontname=Helvetica, compound=true];",
        "  node [shape=box, style=filled, fontname=Helvetica, fontsize=10];",
        '  edge [color="#6e7781", arrowsize=0.7];',
    ]
    for number, drawing in enumerate(drawings):
        lines += [f"  {line}" for line in _cluster(number, drawing)]
    return "\n".join([*lines, "}"]) + "\n"


def quoted(*rows: str) -> str:
    """A quoted string of rows: no quote ends it and no backslash means anything but a new row."""
    return '"' + "\\n".join(plain(row).replace("\\", "\\\\").replace('"', '\\"') for row in rows if row) + '"'


def _cluster(number: int, drawing: Drawing) -> Iterator[str]:
    said = f"{drawing.name}  {drawing.tier_words}  {drawing.verdict}"
    colour = _GREY if drawing.tierless else _LINES[drawing.tier]
    yield f"subgraph cluster_{number} {{"
    yield f'  label={quoted(drawing.title, said, drawing.omission())}; color="{colour}";'
    if not drawing.boxes:
        yield f"  f{number} [label={quoted('no steps')}, style=dotted];"
    for box in drawing.boxes:
        yield f"  f{number}s{box.number} [{_attributes(box)}];"
    for line in drawing.lines:
        style = " [style=dashed]" if line.order else ""
        yield f"  f{number}s{line.source} -> f{number}s{line.target}{style};"
    yield "}"


def _attributes(box: Box) -> str:
    tag = f" ({box.tag})" if box.tag else ""
    given = {
        "label": quoted(f"[{box.mark}] {box.title}{tag}", box.does, box.to),
        "tooltip": quoted(*box.more),
        "fillcolor": f'"{_FILLS[box.tier]}"',
        "color": f'"{_GREY if box.tierless else _LINES[box.tier]}"',
    }
    if box.tag == "many":
        given["peripheries"] = "2"
    if box.known != "yes":
        given["fillcolor"] = '"#f3f4f6"'
    if box.known == "unread":
        given["style"] = '"filled,dashed"'
    return ", ".join(f"{name}={value}" for name, value in given.items())
