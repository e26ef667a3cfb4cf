"""Handing out a copy of the tenant's log that verifies by itself: in one file, or in a folder that grows day by day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import IO, Final

from govflow.audit.body import parse_body
from govflow.audit.checkpoint import Checkpoint
from govflow.audit.export import Header, checkpoint_line, record_line
from govflow.audit.merkle import CompactRange
from govflow.audit.note import parse_note
from govflow.audit.record import GENESIS, Draft, Entry
from govflow.errors import InputError, RequestError, StoreError
from govflow.services.export_folder import belongs, folder_end, give_names, part_of, to_itself
from govflow.services.new_files import give_name, part_beside
from govflow.services.workspace import Workspace
from govflow.store.seals import Sealed

Told = Callable[[int, int | None], None]
"""Takes how many records are written, and how many there are."""

_OFTEN: Final = 10_000  # records between two words about how far it is
_UNNAMED: Final = "0000-00-00"  # before every day


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: ``records`` behind the ``before`` that a folder had already, and ``left`` after them."""

    files: tuple[Path, ...]
    records: int
    left: int
    before: int = 0


@dataclass(slots=True)
class _Begun:
    """Where the next record goes, and what came before it. ``made`` are files as they are called now."""

    out: Path
    tenant: str
    daily: bool
    size: int = 0
    hash: str = GENESIS
    day: str = ""
    tree: CompactRange = field(default_factory=CompactRange)
    made: list[Path] = field(default_factory=list)


def export_log(workspace: Workspace, out: Path, now: datetime, told: Told = lambda done, total: None) -> Exported:
    """Write the records that the newest checkpoint covers, with it. The export leaves a record in the log itself.

    Into a folder that has an export of this log already, only what is new is written, and nothing where nothing is.
    Records are streamed. Where anything fails, the files that were begun are removed.

    Args:
        workspace: whose log.
        out: a file that is not there; or a folder, for one file a day (``2026-03-01.jsonl``, in UTC), which may have
            those of earlier exports.
        now: aware.
        told: called now and then.

    Raises:
        RequestError: there is no checkpoint yet.
        InputError: a file is there already or cannot be written; or the end of the folder does not belong to this log.
        StoreError: the database cannot be used, or what is new does not lead to its checkpoint.
    """
    tenant = workspace.settings.tenant
    sealed = workspace.store.seals.newest(tenant)
    if sealed is None:
        raise RequestError(
            "No checkpoint of this log was made yet, so an export of it could not be verified.",
            mend="Make one: govflow audit checkpoint",
        )
    begun = _Begun(out, tenant, out.is_dir())
    try:
        with to_itself(out) if begun.daily else nullcontext():
            return _export(workspace, begun, sealed, now, told)
    except BaseException as error:
        for file in begun.made:
            with suppress(OSError):  # the error that made an end to it is the one to tell
                file.unlink()
        if isinstance(error, OSError):
            raise InputError(
                f"{error.filename or out} cannot be written: {error.strerror or error}.",
                mend="Name a file that is not there, or a folder.",
            ) from None
        raise


def _export(workspace: Workspace, begun: _Begun, sealed: Sealed, now: datetime, told: Told) -> Exported:
    tenant = begun.tenant
    end = folder_end(begun.out, tenant) if begun.daily else None
    if end is not None:
        begun.tree, begun.size, begun.hash, begun.day = belongs(workspace, end, sealed), end.size, end.hash, end.day
    before = begun.size
    _begin_behind_pruned(workspace, begun)
    first = begun.size
    if end is not None and end.note is not None and before == sealed.size:
        return Exported((), 0, workspace.store.head(tenant).size - before, before)
    entries = takewhile(lambda entry: entry.seq < sealed.size, workspace.store.entries(tenant, first))
    with (_written(begun, entries, lambda done: told(done, sealed.size))).open("ab") as to:
        to.write(checkpoint_line(sealed.note))
    if first and begun.tree.root() != Checkpoint.parse(parse_note(sealed.note).text).root:
        raise StoreError(
            f"The records of {tenant!r} from {first} on do not lead to the checkpoint, so they were not exported.",
            mend="govflow audit verify says what was changed.",
        )
    # Before the copy counts as handed out: no copy without a record of it.
    payload = {"format": "jsonl", "records": begun.size - first, "files": len(begun.made)}
    payload |= {"from": first} if first else {}
    subject = workspace.requester().name
    workspace.store.append(Draft("log.exported", tenant, now, subject=subject, payload=payload), durable=True)
    left = workspace.store.head(tenant).size - begun.size
    if begun.daily:
        give_names(begun.made)
    else:
        give_name(begun.made[0], begun.out)
        begun.made[0] = begun.out
    return Exported(tuple(begun.made), begun.size - first, left, before)


def _begin_behind_pruned(workspace: Workspace, begun: _Begun) -> None:
    """Begin where the log begins, if its oldest records were pruned."""
    first = workspace.store.pruning.beginning(begun.tenant)
    if first is not None and begun.size == 0:
        begun.tree, begun.size, begun.hash = first.tree, first.size, "sha256:" + first.prev.hex()


def _written(begun: _Begun, entries: Iterator[Entry], told: Callable[[int], None]) -> Path:
    """Write the records; the file that the last of them is in."""
    with ExitStack() as stack:
        to: IO[bytes] | None = None
        for entry in entries:
            # Writers' clocks differ a little: a record of a day that is over stays in the file that is open.
            if to is None or (begun.daily and _day(entry) > begun.day):
                stack.close()
                begun.day = max(_day(entry), begun.day)
                to = stack.enter_context(_file(begun))
            to.write(record_line(entry))
            begun.size, begun.hash = begun.size + 1, entry.hash
            begun.tree.append(bytes.fromhex(entry.hash[7:]))
            if begun.size % _OFTEN == 0:
                told(begun.size)
        if to is None:  # all records are there, and the checkpoint behind them is not
            stack.enter_context(_file(begun))
    return begun.made[-1]


def _file(begun: _Begun) -> IO[bytes]:
    """A new file, with its first line."""
    path = part_of(begun.out, begun.day or _UNNAMED) if begun.daily else part_beside(begun.out)
    to = path.open("xb")
    begun.made.append(path)
    to.write(Header(begun.tenant, begun.size, begun.hash, tuple(begun.tree.peaks())).line())
    return to


def _day(entry: Entry) -> str:
    try:
        return datetime.fromisoformat(parse_body(entry.body)["at"]).date().isoformat()
    except (ValueError, KeyError, TypeError):
        return _UNNAMED  # what cannot be read opens no file but the first
