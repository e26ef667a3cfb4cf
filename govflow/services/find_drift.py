"""What a check finds between code and lock file, and in what a change makes of a flow."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from govflow.ir.hashing import plan_hash
from govflow.services.diff_plans import FlowDiff
from govflow.services.find_in_flow import file_of
from govflow.services.findings import CheckFinding

_LOCK_IT = "Have the change reviewed, then write the lock again: {command}"


def find_drift(changes: Iterable[FlowDiff]) -> Iterator[CheckFinding]:
    """Where code and lock differ. Each key holds the hash of the code: accepting one drift accepts no other."""
    for change in changes:
        if change.was is not None:
            yield _added(change)
            yield _removed(change.was)
        elif change.before is None:
            yield _added(change)
        elif change.after is None:
            yield _removed(change.name)
        elif change.diff:
            path = file_of(change.name)
            message = f"The plan is not the locked one: {len(change.diff.lines())} difference(s)."
            mend = _LOCK_IT.format(command=_lock(path))
            yield CheckFinding("GF102", change.name, message, mend, file=path, key=change.diff.loaded_hash)


def find_raised_tiers(changes: Iterable[FlowDiff]) -> Iterator[CheckFinding]:
    """Flows of which a change makes something riskier."""
    for change in changes:
        before, after = change.tier
        if before is not None and after is not None and after > before:
            message = f"The change raises the flow from tier {before} to {after}."
            cause = next((delta for delta in change.deltas if delta.tier[1] == after), None)
            if cause is not None and cause.why:
                message += f" {cause.step_id}: {cause.why}."
            yield CheckFinding("GF104", change.name, message, file=file_of(change.name), key=f"{before} {after}")


def _added(change: FlowDiff) -> CheckFinding:
    path = file_of(change.name)
    message = "The flow is not in the lock file."
    if change.was is not None:
        message = f"The flow is not in the lock file under this name; there it is {change.was}."
    key = plan_hash(change.after) if change.after is not None else ""
    return CheckFinding("GF101", change.name, message, _lock(path), file=path, key=key)


def _removed(name: str) -> CheckFinding:
    message = "The lock file holds this flow, and the source does not."
    path = file_of(name)
    return CheckFinding("GF103", name, message, _LOCK_IT.format(command=_lock(path)), file=path)


def _lock(path: str) -> str:
    """The command, fit to be copied into a shell whatever the file is called."""
    return f"govflow lock {shlex.quote(f'./{path}' if path.startswith('-') else path)}"
