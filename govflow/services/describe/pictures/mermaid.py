"""Plans as one Mermaid flowchart, each flow a subgraph. Labels hold character codes for all that could be markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from govflow.services.describe.escape import label
from govflow.services.describe.pictures.drawing import Box, Drawing

TIER_CLASSES: Final = (
    "classDef tier0 fill:#e8f5e9,stroke:#2e7d32,color:#111",
    "classDef tier1 fill:#e3f2fd,stroke:#1565c0,color:#111",
    "classDef tier2 fill:#fff3e0,stroke:#e65100,color:#111",
    "classDef tier3 fill:#ffebee,stroke:#b71c1c,color:#111",
    "classDef unread fill:#f3f4f6,stroke:#6e7781,color:#111,stroke-dasharray:4 3",
)


def plans_mermaid(drawings: Sequence[Drawing]) -> str:
    """All flows in one chart; dotted lines are ordering alone, colours are tiers."""
    lines = ["flowchart LR"]
    for number, drawing in enumerate(drawings):
        lines.append(f'  subgraph f{number}["{label(drawing.name)}: {drawing.tier_words}"]')
        lines += [f"    {_box(number, box)}" for box in drawing.boxes]
        for line in drawing.lines:
            arrow = "-.->" if line.order else "-->"
            lines.append(f"    f{number}s{line.source} {arrow} f{number}s{line.target}")
        if drawing.omission() or not drawing.boxes:
            lines.append(f'    f{number}more["{label(drawing.omission() or "no steps")}"]')
        lines.append("  end")
    return "\n".join([*lines, *(f"  {style}" for style in TIER_CLASSES)]) + "\n"


def _box(number: int, box: Box) -> str:
    tag = f" {box.tag}" if box.tag else ""
    rows = [f"{box.mark} {label(box.title)}{tag}", *(label(row) for row in (box.does, box.to) if row)]
    look = "unread" if box.tierless else f"tier{box.tier}"
    brackets = "[[{}]]" if box.tag == "many" else "[{}]"
    said = '"' + "<br/>".join(rows) + '"'
    return f"f{number}s{box.number}{brackets.format(said)}:::{look}"
