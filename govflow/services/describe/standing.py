"""Standing approvals: the same words at the terminal and in pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from govflow.approval.models import Standing
from govflow.services.describe.escape import plain, table, values
from govflow.services.describe.questions import moment


def standings_text(found: Sequence[tuple[Standing, str]]) -> str:
    """A list for a terminal, in the order given.

    Args:
        found: each with what it is good for, :func:`govflow.services.stand.in_force`.
    """
    if not found:
        return "no standing approvals\n"
    heading = ["request", "state", "flow", "step", "runs", "until", "where", "approved by"]
    rows = [
        [
            plain(one.request_id),
            plain(state),
            plain(one.flow),
            plain(one.step_id),
            f"{one.used} of {one.max_runs}",
            moment(one.expires_at),
            plain(", ".join(f"{name}={value}" for name, value in values(one.constraint).items()), 120),
            plain(", ".join(one.approved_by)),
        ]
        for one, state in found
    ]
    return "\n".join(table([heading, *rows], indent=0)) + "\n"


def standing_json(one: Standing, state: str) -> dict[str, Any]:
    """As JSON data."""
    return {**one.model_dump(mode="json"), "state": state, "left": one.max_runs - one.used}
