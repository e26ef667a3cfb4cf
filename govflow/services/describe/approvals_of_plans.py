"""Plans that a person is about to approve, or has approved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from govflow.services.describe.escape import plain

if TYPE_CHECKING:
    from govflow.services.lock_plans import PlanApproval


def approvals_text(approvals: Sequence[PlanApproval], by: str | None = None) -> str:
    """Each flow with what it replaces and how it differs.

    Args:
        approvals: what is approved.
        by: who approved it, with how that is known; None before it is done.
    """
    lines = []
    for approval in approvals:
        done = f"approved by {plain(by)}" if by else "to be approved"
        lines.append(f"{plain(approval.flow.name)}: {done}: {approval.plan_hash}")
        if approval.before_trusted:
            lines.append(f"  replaces {approval.before_hash}, taken on first use: nobody had approved it")
            lines += [f"  {plain(line)}" for line in approval.lines]
        elif approval.before_hash is None:
            lines.append("  the first approved plan of this flow")
        elif not approval.changed:
            lines.append(f"  the same plan as {plain(approval.before_by or '')} approved")
        else:
            lines.append(f"  replaces {approval.before_hash}, approved by {plain(approval.before_by or '')}")
            lines += [f"  {plain(line)}" for line in approval.lines]
    return "\n".join(lines) + "\n"
