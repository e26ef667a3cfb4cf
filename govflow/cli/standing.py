"""``govflow approvals stand`` and ``govflow approvals standing``."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from govflow.cli import session
from govflow.cli.naming import As


def stand(
    *,
    flow: str,
    step: str,
    runs: int,
    until: datetime,
    as_: As,
    where: list[str] | None = None,
    reason: str = "",
    format: Literal["text", "json"] = "text",
) -> int:
    """Propose a standing approval: a step may run in so many runs, until then, without people being asked each time.

    It holds for the approved plan and the policy of now, and for nothing else. People answer it as any other request,
    you not among them. A run of somebody who approved it asks people as usual.

    Example:  govflow approvals stand --flow nightly --step nightly/purge#1 --runs 5 --until 2026-04-01
    --where table=staging --as alice

    Args:
        flow: the name of a flow with an approved plan.
        step: the step, as govflow plan shows it.
        runs: how many runs it lets through.
        until: when it ends; in UTC where no zone is given.
        as_: your name.
        where: NAME=VALUE, what a parameter of the step has to be; given twice for a name: either value.
        reason: why, for those who answer.
        format: text for people, json for programs.
    """
    import uuid
    from datetime import UTC

    from govflow.cli.output import write, write_json
    from govflow.services.delegate import until_of
    from govflow.services.describe import request_json, request_text
    from govflow.services.stand import constraint_of
    from govflow.services.stand import stand as propose

    now = datetime.now(UTC)
    with session.workspace() as workspace:
        asked = propose(
            workspace,
            workspace.principal(as_),
            flow=flow,
            step_id=step,
            runs=runs,
            until=until_of(now, until, None),
            constraint=constraint_of(where or ()),
            reason=reason,
            now=now,
            new_id=str(uuid.uuid4()),
        )
    if format == "json":
        write_json(request_json(asked))
    else:
        write(request_text(asked))
    return 0


def standing(*, limit: int = 50, format: Literal["text", "json"] = "text") -> int:
    """List standing approvals, the newest first: what each lets through, how often it was used, whether it counts.

    One is taken back like any request: govflow approvals revoke ID.

    Example:  govflow approvals standing --format json

    Args:
        limit: at most so many.
        format: text for people, json for programs.
    """
    from datetime import UTC

    from govflow.cli.output import write, write_json
    from govflow.services.describe.standing import standing_json, standings_text
    from govflow.services.stand import in_force, list_standing

    now = datetime.now(UTC)
    with session.workspace() as workspace:
        found = [(one, in_force(workspace, one, asked, now)) for one, asked in list_standing(workspace, limit)]
    if format == "json":
        write_json({"standing": [standing_json(one, state) for one, state in found]})
    else:
        write(standings_text(found))
    return 0
