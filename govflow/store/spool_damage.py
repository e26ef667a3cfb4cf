"""What the log says of a spool with lines that cannot be read: once for each tenant that it may concern."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from govflow.audit.body import parse_body
from govflow.audit.record import Draft
from govflow.store.engine import Database
from govflow.store.lines import Contents
from govflow.store.times import moment

EVENT: Final = "spool.damaged"


def reports(db: Database, spool: str, contents: Contents) -> list[Draft]:
    """Records for the logs of all tenants that have lines in a damaged spool. Inside the caller's transaction.

    Whoever brought it to the log may have been killed before it was taken away: what is said already is left out.

    Args:
        db: where the logs are.
        spool: the name of its file.
        contents: what could be read of it.
    """
    if not contents.records:
        return []  # nobody knows whose they were
    at = moment(max(record.at for record in contents.records))
    payload = {"spool": spool, "lines_read": len(contents.records), "lines_lost": contents.bad}
    tenants = sorted({record.tenant for record in contents.records})
    return [Draft(EVENT, tenant, at, payload=payload) for tenant in tenants if not _said(db, tenant, spool)]


def _said(db: Database, tenant: str, spool: str) -> bool:
    rows = db.execute("SELECT body FROM audit_record WHERE tenant=? AND event=?", (tenant, EVENT)).fetchall()
    return any(_spool_of(bytes(row[0])) == spool for row in rows)


def _spool_of(body: bytes) -> object:
    with suppress(ValueError):
        return parse_body(body)["payload"].get("spool")
    return None  # somebody has changed the row
