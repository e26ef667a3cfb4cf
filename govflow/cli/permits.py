"""``govflow permits``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

from govflow.cli import session

app = App(name="permits", help="List, show and revoke the permits of runs.", help_format="markdown", help_epilogue="")


@app.command(name="list")
def list_(*, over: bool = False, limit: int = 50, format: Literal["text", "json"] = "text") -> int:
    """List permits that count now, those that last longest first.

    Example:  govflow permits list --over --format json

    Args:
        over: also those whose time is over.
        limit: at most so many.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.services.describe.permits import permit_json, permits_text

    with session.workspace() as workspace:
        now = datetime.now(UTC)
        found = workspace.store.permits.list(workspace.settings.tenant, None if over else now, limit)
        revoked = {permit.run_id: workspace.store.permits.revocation(permit.tenant, permit.run_id) for permit in found}
    if format == "json":
        write_json({"permits": [permit_json(permit, revoked[permit.run_id]) for permit in found]})
    else:
        write(permits_text(found, revoked, now))
    return 0


@app.command
def show(run: str, *, format: Literal["text", "json"] = "text") -> int:
    """Show the permits of one run: what the newest one allows, which key signed it, and whether it counts here.

    Exit code 1 when no permit of the run counts here.

    Example:  govflow permits show 0b6f2e5c-1f0e-4f5c-9d3a-1c1f6b1f2a77

    Args:
        run: id of the flow run.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.services.describe.permits import permit_json, permit_text
    from govflow.services.show_permits import show_permits

    with session.workspace() as workspace:
        found = show_permits(workspace, run)
    if format == "json":
        steps = found.permit.model_dump(mode="json")["steps"] if found.permit else None
        issued = [permit_json(permit, found.revocation) for permit in found.issued]
        problem = {"code": found.problem.code, "message": found.problem.message} if found.problem else None
        valid = found.problem is None
        write_json({"run_id": run, "valid": valid, "problem": problem, "permits": issued, "steps": steps})
    else:
        write(permit_text(found, datetime.now(UTC)))
    return 0 if found.problem is None else 1


@app.command
def revoke(
    run: str,
    *,
    as_: Annotated[str, Parameter(name="--as")],
    reason: str,
    format: Literal["text", "json"] = "text",
) -> int:
    """Take the permits of a run away, as a named person: it gets no other.

    Workers see it when they next fetch or renew, so at the latest when the permit that they hold is over
    (permit_ttl_seconds). To stop a run at once, cancel it in Prefect as well.

    Example:  govflow permits revoke 0b6f2e5c-1f0e-4f5c-9d3a-1c1f6b1f2a77 --as bob --reason "wrong table"

    Args:
        run: id of the flow run.
        as_: your name.
        reason: why, for the log and for those who are stopped.
        format: text for people, json for programs.
    """
    from govflow.cli.output import write, write_json
    from govflow.services.permits import revoke_permits
    from govflow.services.show_permits import known_run

    with session.workspace() as workspace:
        person = workspace.principal(as_)
        known_run(workspace, run)
        fresh = revoke_permits(workspace, run, reason, by=person)
    if format == "json":
        write_json({"run_id": run, "revoked": True, "by_this_command": fresh})
    else:
        said = f"the permits of run {run} are revoked" if fresh else f"the permits of run {run} were revoked before"
        write(f"{said}; it gets no other.")
    return 0
