"""Pictures of plans: which boxes and lines, where they stand, and three ways to write them down."""

from collections.abc import Iterable
from typing import Final

from govflow.governor.assess import Assessment
from govflow.ir.models import Plan, Tier
from govflow.services.describe.pictures.dot import plans_dot
from govflow.services.describe.pictures.drawing import Drawing, draw
from govflow.services.describe.pictures.mermaid import plans_mermaid
from govflow.services.describe.pictures.svg import plans_svg

PICTURES: Final = ("mermaid", "dot", "svg")

__all__ = ["PICTURES", "Drawing", "draw", "picture", "plans_dot", "plans_mermaid", "plans_svg"]


def picture(
    format: str, flows: Iterable[tuple[str, Plan, Assessment]], title: str, *, lowest: Tier = Tier.MINIMAL
) -> str:
    """All flows in one picture.

    Args:
        format: one of ``PICTURES``.
        flows: name, plan and judgement of each.
        title: of the picture.
        lowest: leave out steps below this tier, and flows without any other.
    """
    drawings = [draw(*flow, lowest=lowest) for flow in flows if flow[2].tier >= lowest]
    if format == "mermaid":
        return plans_mermaid(drawings)
    return plans_dot(drawings, title) if format == "dot" else plans_svg(drawings, title)
