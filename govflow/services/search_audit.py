"""Searching the audit log of a tenant by run, subject, event and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from govflow.audit.body import parse_body
from govflow.audit.record import Entry
from govflow.audit.vocabulary import EVENTS
from govflow.errors import RequestError
from govflow.services.workspace import Workspace
from govflow.store.audit_search import Wanted
from govflow.telemetry import redact

MOST: Final = 200
"""Records of one page."""
_FIELDS: Final = ("at", "event", "severity", "subject", "run_id", "flow", "step_id")


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it may be shown. Values that it only commits to are not in it, erased or not.

    Attributes:
        seq: its place in the log.
        hash: of it and of all before it.
        fields: at, event, severity, subject, and run_id, flow, step_id where it has them.
        payload: what it says, without secrets.
        commitments: names of the values that it commits to.
        readable: False where its bytes are no record; then it has no fields.
    """

    seq: int
    hash: str
    fields: dict[str, str]
    payload: dict[str, Any]
    commitments: tuple[str, ...]
    readable: bool


@dataclass(frozen=True, slots=True)
class RecordsPage:
    """Records, newest first. ``next`` is the place before which to look on; None when all of the log was looked at."""

    records: tuple[Record, ...]
    next: int | None


def search_audit(workspace: Workspace, wanted: Wanted, *, before: int | None = None, limit: int = 50) -> RecordsPage:
    """One page of records. A page may have fewer than ``limit`` and still a ``next``: it looked far enough back.

    Raises:
        RequestError: there is no such event, a time has no zone, or ``limit`` is out of range.
    """
    if not 1 <= limit <= MOST:
        raise RequestError(f"limit {limit}: a page has 1 to {MOST} records.", mend="Give another limit.")
    check_wanted(wanted)
    found = workspace.store.audit_search.page(workspace.settings.tenant, wanted, before=before, limit=limit)
    return RecordsPage(tuple(map(_record, found.entries)), found.next)


def check_wanted(wanted: Wanted) -> None:
    """Refuse what no record can be.

    Raises:
        RequestError: there is no such event, or a time has no zone.
    """
    if wanted.event is not None and wanted.event not in EVENTS and not wanted.events:
        raise RequestError(f"There is no audit event {wanted.event!r}.", mend="docs/audit.md lists the events.")
    for name in ("since", "until"):
        at = getattr(wanted, name)
        if at is not None and at.tzinfo is None:
            raise RequestError(f"{name}: a time needs its zone.", mend="Write it as 2026-03-01T12:00:00Z.")


def _record(entry: Entry) -> Record:
    try:
        body = parse_body(entry.body)
    except ValueError:
        return Record(entry.seq, entry.hash, {}, {}, (), readable=False)
    fields = {name: str(body[name]) for name in _FIELDS if body.get(name)}
    return Record(
        entry.seq,
        entry.hash,
        fields,
        redact(body["payload"]),
        tuple(sorted(body.get("commitments", ()))),
        readable=True,
    )
