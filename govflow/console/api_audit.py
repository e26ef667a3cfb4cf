"""REST: the audit log."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from govflow.audit.vocabulary import EVENTS
from govflow.console.api_access import PREFIX, Asker, Here
from govflow.console.api_errors import ApiRoute, problems
from govflow.console.api_models import NEWEST, RecordAnswer, Records
from govflow.services.search_audit import search_audit
from govflow.store.audit_search import Wanted

router: Final = APIRouter(prefix=f"{PREFIX}/audit", tags=["audit"], route_class=ApiRoute)

_EVENTS: Final = [*sorted(EVENTS)]
Exact = Annotated[str | None, Query(max_length=500)]


@router.get("/records", summary="Search the audit log", responses=problems())
def records(
    _who: Asker,
    here: Here,
    run_id: Exact = None,
    subject: Annotated[str | None, Query(max_length=500, description="Who did it.")] = None,
    event: Annotated[
        str | None, Query(description="One of these; docs/audit.md explains them.", json_schema_extra={"enum": _EVENTS})
    ] = None,
    rule: Annotated[str | None, Query(max_length=500, description="The policy rule that decided.")] = None,
    since: Annotated[AwareDatetime | None, Query(description="From then on, with a zone.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before then, with a zone.")] = None,
    before: Annotated[int | None, Query(ge=0, le=2**62, description=NEWEST)] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Records of the page.")] = 50,
) -> Records:
    """A page of records, newest first. Erased and secret values are in none of them."""
    wanted = Wanted(run_id=run_id, subject=subject, event=event, since=since, until=until, rule=rule)
    page = search_audit(here, wanted, before=before, limit=limit)
    return Records(records=tuple(RecordAnswer(**asdict(one)) for one in page.records), next=page.next)
