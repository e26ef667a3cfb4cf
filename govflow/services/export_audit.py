"""Handing out a copy of the tenant's log that verifies by itself, in one file or in one for each day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import IO

from govflow.audit.body import parse_body
from govflow.audit.export import Header, checkpoint_line, record_line
from govflow.audit.merkle import CompactRange
from govflow.audit.record import GENESIS, Draft, Entry
from govflow.errors import InputError, RequestError
from govflow.services.workspace import Workspace

Told = Callable[[int, int | None], None]
"""Takes how many records are written, and how many there are."""

_OFTEN = 10_000  # records between two words about how far it is


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: ``records`` from the first of the log on, all under one checkpoint, and ``left`` after it."""

    files: tuple[Path, ...]
    records: int
    left: int


def export_log(workspace: Workspace, out: Path, now: datetime, told: Told = lambda done, total: None) -> Exported:
    """Write all records that the newest checkpoint covers, with it. The export leaves a record in the log itself.

    Records are streamed. Where anything fails, the files that were begun are removed.

    Args:
        workspace: whose log.
        out: a file that is not there; or a folder, for one file a day (``2026-03-01.jsonl``, in UTC), none of which may
            be there.
        now: aware.
        told: called now and then.

    Raises:
        RequestError: there is no checkpoint yet.
        InputError: a file is there already or cannot be written.
        StoreError: the database cannot be used.
    """
    tenant = workspace.settings.tenant
    sealed = workspace.store.seals.newest(tenant)
    if sealed is None:
        raise RequestError(
            "No checkpoint of this log was made yet, so an export of it could not be verified.",
            mend="Make one: govflow audit checkpoint",
        )
    entries = takewhile(lambda entry: entry.seq < sealed.size, workspace.store.entries(tenant))
    made: list[Path] = []
    try:
        last = _write(entries, tenant, out, made, lambda done: told(done, sealed.size))
        with last.open("ab") as to:
            to.write(checkpoint_line(sealed.note))
        # Before the copy counts as handed out: no copy without a record of it.
        payload = {"format": "jsonl", "records": sealed.size, "files": len(made)}
        subject = workspace.requester().name
        workspace.store.append(Draft("log.exported", tenant, now, subject=subject, payload=payload), durable=True)
    except BaseException as error:
        for file in made:
            file.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(
                f"{error.filename or out} cannot be written: {error.strerror or error}.",
                mend="Name a file that is not there, or a folder that has no export yet.",
            ) from None
        raise
    return Exported(tuple(made), sealed.size, workspace.store.head(tenant).size - sealed.size)


def _write(entries: Iterator[Entry], tenant: str, out: Path, made: list[Path], told: Callable[[int], None]) -> Path:
    """Write the records; the file that the last of them is in. ``made`` gets each file when it is there."""
    daily = out.is_dir()
    with ExitStack() as stack:
        to: IO[bytes] | None = None
        day, size, before, path, tree = "", 0, GENESIS, out, CompactRange()
        for entry in entries:
            # Writers' clocks differ a little: a record of a day that is over stays in the file that is open.
            if to is None or (daily and _day(entry) > day):
                stack.close()
                day = _day(entry)
                path = out / f"{day}.jsonl" if daily else out
                to = stack.enter_context(path.open("xb"))
                made.append(path)
                to.write(Header(tenant, size, before, tuple(tree.peaks())).line())
            to.write(record_line(entry))
            size, before = size + 1, entry.hash
            if daily:  # only files behind the first say what came before them
                tree.append(bytes.fromhex(entry.hash[7:]))
            if size % _OFTEN == 0:
                told(size)
    return path


def _day(entry: Entry) -> str:
    try:
        return datetime.fromisoformat(parse_body(entry.body)["at"]).date().isoformat()
    except (ValueError, KeyError, TypeError):
        return "0000-00-00"  # what cannot be read opens no file but the first
