"""For programs: one JSON document. Its ``version`` changes when a field is taken away or means something else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from govflow.services.check_plans import CheckReport


def render(report: CheckReport) -> str:
    """The report as JSON, indented, in the order of its keys."""
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False, default=str) + "\n"
