"""Asking an audit log at a terminal: the records that fit, and what the log consists of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from govflow.errors import RequestError
from govflow.services.search_audit import check_wanted
from govflow.services.verify_audit import Line, line_of, opened
from govflow.settings import Settings
from govflow.store.audit_search import Wanted
from govflow.store.audit_stats import LogStats


@dataclass(frozen=True, slots=True)
class Answer:
    """Records, newest first. ``next`` is the place before which to ask on; None when there are no more."""

    lines: tuple[Line, ...]
    next: int | None


def query_log(
    settings: Settings,
    wanted: Wanted,
    *,
    limit: int,
    before: int | None = None,
    database: str | None = None,
    tenant: str | None = None,
) -> Answer:
    """At most ``limit`` records, however far back they are.

    Raises:
        InputError: there is no such database or event, or ``limit`` is not positive.
        StoreError: the database cannot be opened.
    """
    if limit < 1:
        raise RequestError(f"--limit {limit}: at least one record is read.", mend="Give a positive number.")
    check_wanted(wanted)
    lines: list[Line] = []
    with opened(settings, database) as store:
        while True:
            left = limit - len(lines)
            page = store.audit_search.page(tenant or settings.tenant, wanted, before=before, limit=left)
            lines += map(line_of, page.entries)
            before = page.next
            if before is None or len(lines) == limit:
                return Answer(tuple(lines), before)


def log_stats(
    settings: Settings,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    database: str | None = None,
    tenant: str | None = None,
) -> LogStats:
    """What one tenant's log consists of.

    Raises:
        InputError: there is no such database.
        StoreError: it cannot be opened.
    """
    with opened(settings, database) as store:
        return store.audit_stats.of(tenant or settings.tenant, since, until)


def stats_as_json(stats: LogStats) -> dict[str, Any]:
    """JSON values; days as dates."""
    return {
        "records": stats.records,
        "first": stats.first and stats.first.isoformat(),
        "last": stats.last and stats.last.isoformat(),
        "checkpoints": stats.checkpoints,
        "events": stats.events,
        "rules": stats.rules,
        "days": {f"{day:%Y-%m-%d}": count for day, count in stats.days.items()},
    }
