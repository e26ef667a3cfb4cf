"""``govflow lock``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter


def lock(
    *paths: str,
    approve: bool = False,
    as_: Annotated[str | None, Parameter(name="--as")] = None,
    yes: bool = False,
) -> int:
    """Write govflow.lock: the plans of these flows as the code has them now, to be reviewed and committed.

    With --approve the plans are also recorded in the governance database as approved by the person named with --as.
    Enforce mode runs what is recorded there, whatever the lock file says. The name is recorded as claimed, not
    authenticated.

    Examples, one a line:

    - `govflow lock flows/`
    - `govflow lock flows/etl.py --approve --as bob`

    Args:
        paths: files, folders, or FILE:FLOW.
        approve: record the plans as approved.
        as_: who approves.
        yes: do not ask back. Without a terminal nothing is asked.
    """
    from datetime import UTC, datetime

    from govflow.cli import session
    from govflow.cli.asking import confirmed
    from govflow.cli.output import progress, write
    from govflow.errors import RequestError
    from govflow.services.describe import flow_diff_text
    from govflow.services.describe.approvals_of_plans import approvals_text
    from govflow.services.lock_plans import approve_plans, plan_approvals, plan_lock, write_lock

    if not paths:
        raise RequestError("PATH is missing.", mend="Name a file or a folder, as in: govflow lock flows/")
    if approve != (as_ is not None):
        missing, given = ("--as NAME", "--approve") if approve else ("--approve", "--as")
        raise RequestError(f"{given} needs {missing}.", mend="govflow lock PATH --approve --as NAME")
    with session.workspace() as workspace:
        with progress("reading the source"):
            update = plan_lock(workspace, paths)
        write("".join(flow_diff_text(change) for change in update.changes))
        if as_ is None or not update.flows:
            if update.changed:
                write_lock(update)
            write(f"{update.path}: {'written' if update.changed else 'unchanged'}")
            return 0
        person = workspace.principal(as_)
        approvals = plan_approvals(workspace, update.flows)
        if not yes and not confirmed(approvals_text(approvals), f"approve as {person.name}?"):
            write("nothing was written")
            return 1
        if update.changed:
            write_lock(update)
            write(f"{update.path}: written")
        approve_plans(workspace, approvals, person, datetime.now(UTC))
        write(approvals_text(approvals, f"{person.name} ({person.assurance})"))
    return 0
