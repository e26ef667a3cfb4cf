"""Erasing values that records only commit to, once or again after a restore, and legal holds that forbid it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import Connection

from govflow.audit.body import parse_body
from govflow.audit.record import Draft
from govflow.errors import InputError, LegalHold, RequestError
from govflow.identity import Principal
from govflow.services.decide_approvals import kept_reason
from govflow.services.workspace import Workspace
from govflow.store.legal_holds import PLACED, RELEASED, Hold, in_force
from govflow.store.values import Erasable

AT_ONCE: Final = 100
"""Records whose values one transaction erases, and one ``value.erased`` record names."""
_ERASED: Final = "value.erased"
_SAY_WHY: Final = "Say why: whoever reads the log asks."


def erasable(
    workspace: Workspace, *, seq: int | None = None, run_id: str | None = None, subject: str | None = None
) -> list[Erasable]:
    """The records of this tenant that still have values: the one in a place, those of a run, those of a person's acts.

    Raises:
        RequestError: none of the three is said, or more than one.
    """
    if [seq, run_id, subject].count(None) != 2:
        raise RequestError("One record, one run or one subject is erased.", mend="Give one of the three.")
    return workspace.store.values.of(workspace.settings.tenant, seq=seq, run_id=run_id, subject=subject)


def expect_known(
    workspace: Workspace, *, seq: int | None = None, run_id: str | None = None, subject: str | None = None
) -> None:
    """Refuse what no record of this tenant is about: a name that was mistyped or cut would hold and erase nothing.

    Raises:
        RequestError: there is no such record, run or subject.
    """
    tenant, values = workspace.settings.tenant, workspace.store.values
    for named, told in ((seq, {"seq": seq}), (run_id, {"run_id": run_id}), (subject, {"subject": subject})):
        if named is None or values.knows(tenant, **told):
            continue
        what = {"seq": "in the place", "run_id": "of the run", "subject": "of what was done by"}[next(iter(told))]
        mend = "Give it as the log has it: govflow audit tail --format json"
        if run_id is not None and (like := values.runs_like(tenant, run_id)):
            mend = f"Give the whole id. These begin so: {', '.join(like)}"
        raise RequestError(f"The log of {tenant!r} has no record {what} {named!r}.", mend=mend)


def erase(
    workspace: Workspace, found: Sequence[Erasable], by: Principal, reason: str, now: datetime, *, again: bool = False
) -> int:
    """Erase the values of records, each part of them together with its record in the log; how many values there were.

    Args:
        workspace: whose store and tenant.
        found: from :func:`erasable`.
        by: who does it.
        reason: why, in their words; it stays in the log.
        now: aware.
        again: a restore had brought them back.

    Raises:
        LegalHold: a hold is on one of them; nothing of any is erased.
        RequestError: there is no reason.
    """
    reason = _reason(reason)
    tenant = workspace.settings.tenant

    count = 0

    def admit(connection: Connection) -> None:
        _refuse_held(found, in_force(connection, tenant), gone=count)

    _refuse_held(found, workspace.store.legal_holds.in_force(tenant))
    for start in range(0, len(found), AT_ONCE):
        part = found[start : start + AT_ONCE]
        payload: dict[str, JsonValue] = {"records": [_named(one) for one in part], "reason": reason}
        if again:
            payload["again"] = True
        draft = Draft(_ERASED, tenant, now, subject=by.name, payload=payload)
        count += workspace.store.values.erase(part, draft, admit)
    return count


def erasures(workspace: Workspace) -> Iterator[str]:
    """What was erased from this tenant's log, one JSON object a line: to be kept beside backups, outside of them."""
    for entry in workspace.store.entries_of(workspace.settings.tenant, (_ERASED,)):
        body = parse_body(entry.body)
        yield json.dumps({"tenant": body["tenant"], "seq": entry.seq, "at": body["at"], **body["payload"]})


def brought_back(workspace: Workspace, lines: Iterable[str]) -> list[Erasable]:
    """The records whose values were erased, by such lines, and are here again: the database is an older one.

    A line names a record by its writer and that one's number, and by its place. Both have to fit.

    Raises:
        InputError: a line is none of these, or of another tenant.
    """
    tenant = workspace.settings.tenant
    found: dict[int, Erasable] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        for place, stream in _places(line, number, tenant):
            for one in workspace.store.values.of(tenant, seq=place, of_stream=stream):
                found[one.seq] = one
    return [found[seq] for seq in sorted(found)]


def place_hold(
    workspace: Workspace,
    by: Principal,
    reason: str,
    now: datetime,
    new_id: str,
    *,
    run_id: str | None = None,
    subject: str | None = None,
) -> Hold:
    """Forbid erasing values of a run's records, of those of which somebody is the subject, or of all of the tenant's.

    Raises:
        RequestError: both are said, or there is no reason.
    """
    if run_id is not None and subject is not None:
        raise RequestError("A hold is for a run, for a subject, or for all.", mend="Leave one of the two out.")
    reason = _reason(reason)
    payload: dict[str, JsonValue] = {"hold_id": new_id, "reason": reason}
    # Not the fields of the record itself: this one is no act of that run or person.
    payload |= {name: said for name, said in (("run_id", run_id), ("subject", subject)) if said is not None}
    draft = Draft(PLACED, workspace.settings.tenant, now, subject=by.name, payload=payload)
    workspace.store.legal_holds.place(draft)
    return Hold(new_id, by.name, now, reason, run_id, subject)


def release_hold(workspace: Workspace, hold_id: str, by: Principal, reason: str, now: datetime) -> None:
    """End a hold.

    Raises:
        RequestError: there is none in force, or no reason.
    """
    payload: dict[str, JsonValue] = {"hold_id": hold_id, "reason": _reason(reason)}
    draft = Draft(RELEASED, workspace.settings.tenant, now, subject=by.name, payload=payload)
    workspace.store.legal_holds.release(hold_id, draft)


def _reason(given: str) -> str:
    reason = kept_reason(given).strip()
    if not reason:
        raise RequestError("There is no reason.", mend=_SAY_WHY)
    return reason


def expect_erasable(workspace: Workspace, found: Sequence[Erasable], reason: str) -> None:
    """Refuse what :func:`erase` would refuse now, and erase nothing.

    Raises:
        LegalHold: a hold is on one of them.
        RequestError: there is no reason.
    """
    _reason(reason)
    _refuse_held(found, workspace.store.legal_holds.in_force(workspace.settings.tenant))


def _refuse_held(found: Sequence[Erasable], holds: Sequence[Hold], gone: int = 0) -> None:
    before = f"{gone} value(s) were erased before the hold came." if gone else "Nothing was erased."
    for hold in holds:
        if held := next((one for one in found if hold.covers(one)), None):
            raise LegalHold(
                f"Record {held.seq} is under the legal hold {hold.hold_id} of {hold.placed_by}: {hold.reason}",
                mend=f"{before} Erase what it does not cover, or ask them to release it.",
                details={"hold_id": hold.hold_id, "seq": held.seq},
            )


def _named(one: Erasable) -> dict[str, JsonValue]:
    return {"seq": one.seq, "writer": one.writer, "writer_seq": one.writer_seq, "names": list(one.names)}


def _places(line: str, number: int, tenant: str) -> Iterator[tuple[int, tuple[str, int]]]:
    try:
        said: dict[str, Any] = json.loads(line)
        if said["tenant"] != tenant:
            raise InputError(
                f"Line {number} is of the tenant {said['tenant']!r}, and this is {tenant!r}.",
                mend="Give the file of this tenant.",
            )
        for one in said["records"]:
            yield int(one["seq"]), (str(one["writer"]), int(one["writer_seq"]))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"Line {number} names no erasure.", mend="Give a file that `govflow audit erasures` wrote."
        ) from error
