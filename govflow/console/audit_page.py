"""The audit log: a search by run, person, event, rule and time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from govflow.audit.vocabulary import EVENTS
from govflow.console.access import Here, Who
from govflow.console.pages import render
from govflow.errors import RequestError
from govflow.services.search_audit import search_audit
from govflow.store.audit_search import Wanted

router = APIRouter(include_in_schema=False)

PAGE = 50  # records

Text = Annotated[str, Query(max_length=200)]


@router.get("/audit", name="audit")
def audit(
    request: Request,
    signed_in: Who,
    workspace: Here,
    run: Text = "",
    who: Text = "",
    event: Text = "",
    rule: Text = "",
    since: Text = "",
    until: Text = "",
    before: Annotated[int | None, Query(ge=0, lt=2**62)] = None,
) -> Response:
    """Records, newest first. Values that the log only commits to are not shown."""
    exact = {"run": run.strip(), "who": who.strip(), "event": event, "rule": rule.strip()}
    filters = exact | {"since": since, "until": until}
    wanted = Wanted(
        run_id=filters["run"] or None,
        subject=filters["who"] or None,
        event=event or None,
        since=_moment("since", since),
        until=_moment("until", until),
        rule=filters["rule"] or None,
    )
    return render(
        request,
        "audit.html",
        signed_in=signed_in,
        section="audit",
        page=search_audit(workspace, wanted, before=before, limit=PAGE),
        events=sorted(EVENTS),
        filters=filters,
        kept={name: value for name, value in filters.items() if value},
        first=before is None,
    )


def _moment(name: str, written: str) -> datetime | None:
    """What a field for date and time holds; it has no zone, and the form says that it is UTC."""
    if not written:
        return None
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise RequestError(f"{name}: {written!r} is no time.", mend="Write it as 2026-03-01T12:00.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
