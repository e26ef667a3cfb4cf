"""Whether the database can be used, and whether what it holds asks for somebody."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from govflow.audit.body import parse_body
from govflow.errors import GovflowError, SettingsError
from govflow.services.check_disk import nearest_folder, sqlite_path
from govflow.services.enough_approvers import lacking
from govflow.services.health import Finding, Health, skipped
from govflow.services.workspace import Workspace
from govflow.settings import Settings

if TYPE_CHECKING:
    from govflow.store.reviews import Review
    from govflow.store.seals import Unsealed

_BEGAN: Final = datetime(2025, 1, 1, tzinfo=UTC)  # no clock that is right is before this
_SKEW: Final = timedelta(minutes=1)
_SEALED_WITHIN: Final = timedelta(days=1)


def check_database(settings: Settings, workspace: Workspace | None, now: datetime) -> list[Finding]:
    """The database opens with a schema that this version knows, and its newest record is not from the future."""
    from govflow.store.location import is_there  # SQLAlchemy is imported for those who ask

    clock = _clock(now, None)
    path = sqlite_path(settings.database_url)
    if path is not None and not path.exists():
        return [_not_there_yet(path), clock]
    if workspace is None:
        return [skipped("database"), clock]
    try:
        if not is_there(settings.database_url):
            return [_no_tables_yet(settings.redacted_url), clock]
        newest = [_at(entry.body) for entry in workspace.store.tail(settings.tenant, 1)]
        overdue = workspace.store.reviews.list(settings.tenant, due_by=now)
        few = lacking(workspace)
        unsealed = workspace.store.seals.unsealed(settings.tenant)
        witnesses = list(_witnesses(workspace))
    except GovflowError as error:
        return [Finding("database", Health.FAIL, error.message, error.mend), clock]
    finally:
        workspace.close()
    opened = Finding("database", Health.OK, f"{settings.redacted_url} opens; its schema is current")
    clock = _clock(now, next(iter(newest), None))
    return [opened, clock, *_checkpoint(unsealed, now), *witnesses, *_overdue(overdue), *_too_few(few)]


def _checkpoint(unsealed: Unsealed, now: datetime) -> Iterator[Finding]:
    """Records that could be rewritten unseen, since nobody signed them for a day."""
    if unsealed.since is not None and now - unsealed.since > _SEALED_WITHIN:
        since = f"{unsealed.since:%Y-%m-%d %H:%M} UTC"
        what = f"{unsealed.records} record(s) of the audit log, from {since} on, are not sealed"
        mend = "govflow audit checkpoint makes one; with signer=process the signer must run: govflow up"
        yield Finding("checkpoint", Health.WARN, what, mend)


def _witnesses(workspace: Workspace) -> Iterator[Finding]:
    """Whether those who are to cosign checkpoints answer, and what each has cosigned."""
    from govflow.services.check_witnesses import see_witnesses  # cryptography is imported for those who ask

    try:
        for one in see_witnesses(workspace):
            yield Finding(f"witness {one.name}", Health.WARN if one.mend else Health.OK, one.what, one.mend)
    except SettingsError as error:
        yield Finding("witnesses", Health.FAIL, error.message, error.mend)


def _overdue(reviews: Sequence[Review]) -> Iterator[Finding]:
    """What people let run alone in an emergency, and nobody has looked at in time."""
    if reviews:
        named = ", ".join(
            f"{one.request_id} (by {one.principal}, due {one.due_at:%Y-%m-%d %H:%M} UTC)" for one in reviews
        )
        what = f"{len(reviews)} emergency approval(s) wait for a review that is overdue: {named}"
        mend = "Somebody who had no part in it: govflow approvals review ID --as NAME --finding TEXT"
        yield Finding("reviews", Health.WARN, what, mend)


def _too_few(lacking: Mapping[str, str]) -> Iterator[Finding]:
    """Approval rules whose steps are denied, because nobody could ever answer."""
    for name, why in lacking.items():
        mend = f"Name more people under approvals.{name}, or give more the role: govflow people change NAME --role ROLE"
        yield Finding("approvers", Health.WARN, why, mend)


def _clock(now: datetime, newest: datetime | None) -> Finding:
    shown = now.strftime("%Y-%m-%d %H:%M:%S UTC")
    mend = "Set the clock (NTP): approvals expire by it and records are dated by it."
    if now < _BEGAN:
        return Finding("clock", Health.FAIL, f"It says {shown}, which is in the past.", mend)
    if newest is not None and newest > now + _SKEW:
        ahead = newest.strftime("%Y-%m-%d %H:%M:%S UTC")
        return Finding("clock", Health.FAIL, f"It says {shown}, and the log's newest record is of {ahead}.", mend)
    return Finding("clock", Health.OK, shown)


def _at(body: bytes) -> datetime | None:
    """When a record was made; None when it cannot be read, which ``audit verify`` explains."""
    try:
        return datetime.fromisoformat(parse_body(body)["at"])
    except ValueError:
        return None


def _not_there_yet(path: Path) -> Finding:
    folder = nearest_folder(path.parent)
    if not os.access(folder, os.W_OK | os.X_OK):
        mend = f"Give this user {folder}, or set GOVFLOW_DATABASE_URL."
        return Finding("database", Health.FAIL, f"{path} is not there and {folder} cannot be written.", mend)
    return Finding("database", Health.OK, f"{path} is not there yet; the first governed run creates it")


def _no_tables_yet(url: str) -> Finding:
    return Finding("database", Health.OK, f"{url} answers and has no tables of govflow yet; the first run makes them")
