"""``govflow approvals delegate`` and ``govflow approvals delegations``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from cyclopts import App, Parameter

from govflow.cli import session
from govflow.cli.naming import As

app = App(
    name="delegations",
    help="List delegations, and take them back.",
    help_format="markdown",
    help_epilogue="",
)


def delegate(
    request: str = "",
    *,
    rule: str = "",
    all_: Annotated[bool, Parameter(name="--all")] = False,
    to: str,
    as_: As,
    until: datetime | None = None,
    for_: Annotated[timedelta | None, Parameter(name="--for")] = None,
    depth: int = 0,
    reason: str = "",
    format: Literal["text", "json"] = "text",
) -> int:
    """Let somebody answer in your stead, for a while: one request, those of an approval rule, or all.

    Example:  govflow approvals delegate --rule two-owners --to carol --as bob --for 5d

    Args:
        request: the id of the one request that it is for.
        rule: for the requests of this approval rule.
        all_: for all requests.
        to: the name of who answers in your stead.
        as_: your name.
        until: when it is over, such as 2026-03-01T18:00; in UTC where no zone is given.
        for_: after what time it is over, such as 8h or 5d.
        depth: how often that person may hand it on.
        reason: why, for the record.
        format: text for people, json for programs.
    """
    import uuid
    from datetime import UTC

    from govflow.cli.output import write, write_json
    from govflow.errors import RequestError
    from govflow.services.delegate import delegate as give
    from govflow.services.delegate import until_of
    from govflow.services.describe.delegations import delegation_json, delegation_line

    if sum((bool(request), bool(rule), all_)) != 1:
        raise RequestError("What is it for?", mend="Give a request, or --rule NAME, or --all.")
    now = datetime.now(UTC)
    with session.workspace() as workspace:
        given = give(
            workspace,
            workspace.principal(as_),
            to,
            until=until_of(now, until, for_),
            now=now,
            new_id=str(uuid.uuid4()),
            request_id=request or None,
            rule=rule or None,
            depth=depth,
            reason=reason,
        )
    if format == "json":
        write_json(delegation_json(given))
    else:
        write(f"{delegation_line(given)}\nTake it back: govflow approvals delegations revoke {given.delegation_id}")
    return 0


@app.default
def list_(*, person: str = "", over: bool = False, format: Literal["text", "json"] = "text") -> int:
    """List the delegations in force, the newest first.

    Example:  govflow approvals delegations --person bob

    Args:
        person: only those that this person gave or takes.
        over: also those that are over or were taken back.
        format: text for people, json for programs.
    """
    from datetime import UTC

    from govflow.cli.output import write, write_json
    from govflow.services.delegate import list_delegations
    from govflow.services.describe.delegations import delegation_json, delegations_text

    now = datetime.now(UTC)
    with session.workspace() as workspace:
        found = list_delegations(workspace, now, over=over, person=person or None)
    if format == "json":
        write_json({"delegations": [delegation_json(one) for one in found]})
    else:
        write(delegations_text(found, now))
    return 0


@app.command
def revoke(delegation: str, *, as_: As, format: Literal["text", "json"] = "text") -> int:
    """Take a delegation back, as who gave it or as who takes it. Votes that were cast through it stay.

    Example:  govflow approvals delegations revoke 0b6f2e5c-1f0e-4f5c-9d3a-1c1f6b1f2a77 --as bob

    Args:
        delegation: its id.
        as_: your name.
        format: text for people, json for programs.
    """
    from datetime import UTC

    from govflow.cli.output import write, write_json
    from govflow.services.delegate import revoke_delegation
    from govflow.services.describe.delegations import delegation_json

    with session.workspace() as workspace:
        ended = revoke_delegation(workspace, delegation, workspace.principal(as_), datetime.now(UTC))
    if format == "json":
        write_json(delegation_json(ended))
    else:
        write(f"{ended.taker} does not answer in the stead of {ended.giver} any more.")
    return 0
