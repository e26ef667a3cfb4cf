"""What changed since people were asked, so that their answer does not stand any more: step by step, rule by rule."""

from __future__ import annotations

from typing import Final

from govflow.approval.models import ApprovalRequest, Binding
from govflow.governor.port import Port
from govflow.ir.diff import diff
from govflow.ir.models import Plan
from govflow.telemetry import redact_named, redact_text

_MOST: Final = 20  # lines that a question names; `govflow diff` and the record of the policy have all of them


def what_changed(port: Port, earlier: ApprovalRequest, now: Binding, plan: Plan | None, plan_hash: str) -> str:
    """The differences in plan and policy, in brackets, as they may be shown; empty where there are none, or none known.

    Args:
        port: where approved plans and changes of policy are looked up.
        earlier: what people were asked.
        now: what is asked now.
        plan: as it is loaded; None where there is none.
        plan_hash: of that plan.
    """
    found: list[str] = []
    before = earlier.summary.get("plan_hash")
    if plan is not None and isinstance(before, str) and before != plan_hash:
        old = port.plan_of(now.tenant, before)
        if old is not None:
            found += [redact_text(line) for line in diff(old, plan).masked(redact_named).lines()]
    if earlier.binding.policy_digest != now.policy_digest:
        found += port.policy_changes(now.tenant, earlier.binding.policy_digest, now.policy_digest)
    more = [f"and {len(found) - _MOST} more"] if len(found) > _MOST else []
    return f" ({'; '.join([*found[:_MOST], *more])})" if found else ""
