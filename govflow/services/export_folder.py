"""A folder that the log is exported into each day: where it ends, whether that is of this log, and whole files in it.

A file has its name only once all of it is on the disk. An export that is killed leaves either nothing but files of
another name, which the next one removes, or some of its days: those are whole, and the next one goes on behind them.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govflow.audit.checkpoint import Checkpoint, origin_of
from govflow.audit.export import Header, checkpoint_in, entry_in
from govflow.audit.leaf import leaf_bytes, leaf_hash
from govflow.audit.merkle import CompactRange
from govflow.audit.note import parse_note
from govflow.errors import InputError
from govflow.services.export_parts import LINE
from govflow.services.workspace import Workspace
from govflow.store.seals import Sealed

_PART: Final = ".part"
_OF_A_DAY: Final = re.compile(r"(\d{4}-\d\d-\d\d)(_\d+)?\.jsonl")
_LEFT: Final = re.compile(r"\.\d{4}-\d\d-\d\d(_\d+)?\.jsonl\.part")


@dataclass(frozen=True, slots=True)
class FolderEnd:
    """Where the files of a folder end.

    ``size`` is how many records they lead to, ``hash`` that of the last of them, ``day`` what the last file is named
    by. ``note`` is the checkpoint behind them; None where there is none.
    """

    last: Path
    size: int
    hash: str
    day: str
    note: str | None


@contextmanager
def to_itself(folder: Path) -> Iterator[None]:
    """Have the folder to ourselves until the end of the block; what a killed export left half written is removed.

    Raises:
        InputError: another export is writing there.
        OSError: the folder cannot be opened.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"Another export is writing into {folder}.", mend="Wait until it has ended.") from None
        for file in folder.iterdir():
            if _LEFT.fullmatch(file.name):
                file.unlink()
        yield
    finally:
        os.close(opened)


def part_of(folder: Path, day: str) -> Path:
    """Where the next file of a day is written before it has its name."""
    number, name = 1, f"{day}.jsonl"
    while (folder / name).exists() or (folder / f".{name}{_PART}").exists():
        number += 1
        name = f"{day}_{number:02}.jsonl"
    return folder / f".{name}{_PART}"


def give_names(made: list[Path]) -> None:
    """Let files that are written have their names, in their order. ``made`` has each as it is called now."""
    for file in made:
        with file.open("rb") as written:
            os.fsync(written.fileno())
    for number, file in enumerate(made):
        named = file.with_name(file.name[1:].removesuffix(_PART))
        os.rename(file, named)
        made[number] = named
    folder = os.open(made[0].parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def folder_end(folder: Path, tenant: str) -> FolderEnd | None:
    """Where the folder ends; None if no file of an export is in it. Only its last file is read, not verified.

    Raises:
        InputError: a file ``*.jsonl`` is no part of an export, or of another tenant's; the last one was cut or altered.
        OSError: a file cannot be read.
    """
    headers: dict[Path, Header] = {}
    for file in folder.glob("*.jsonl"):
        with file.open("rb") as lines:
            try:
                headers[file] = Header.parse(lines.readline(LINE))
            except ValueError as error:
                raise InputError(
                    f"{file} is no part of an export of the log: {error}.",
                    mend="Keep a folder for the exports alone.",
                ) from None
        if headers[file].tenant != tenant:
            raise InputError(
                f"{file} is of the log of {headers[file].tenant!r}, and this is the log of {tenant!r}.",
                mend="Give each tenant a folder of its own.",
            )
    if not headers:
        return None
    last = max(headers, key=lambda file: (headers[file].size, file.name))
    size, digest, note = headers[last].size, headers[last].hash, None
    with last.open("rb") as lines:
        line = lines.readline(LINE)
        while line := lines.readline(LINE):
            if not line.endswith(b"\n"):
                raise _broken(last, "it ends in the middle of a line: it was cut off")
            try:
                found = checkpoint_in(line)
            except ValueError as error:
                raise _broken(last, str(error)) from None
            if found is not None:
                note = found
                continue
            entry, note = entry_in(line, size), None
            if entry.seq != size or leaf_hash(leaf_bytes(entry.seq, entry.prev, entry.body)) != entry.hash:
                raise _broken(last, f"its record {size} was altered")
            if entry.prev != digest:
                raise _broken(last, f"its record {size} does not follow the one before")
            size, digest = size + 1, entry.hash
    day = _OF_A_DAY.fullmatch(last.name)
    return FolderEnd(last, size, digest, day[1] if day else "", note)


def belongs(workspace: Workspace, end: FolderEnd, sealed: Sealed) -> CompactRange:
    """The tree of the records that the folder leads to, where they are the beginning of this log.

    Args:
        workspace: whose log.
        end: of the folder.
        sealed: the newest checkpoint of the log.

    Raises:
        InputError: they are not: it is another log, one that was set back, or one that went another way.
        StoreError: the database cannot be used.
    """
    tenant = workspace.settings.tenant
    if end.note is not None:
        told = _told(end)
        origin = origin_of(workspace.store.seals.name() or "", tenant)
        if told.origin != origin:
            raise _foreign(end, f"its checkpoint is of the log {told.origin!r}, and this one is {origin!r}")
    if end.size > sealed.size:
        raise _foreign(
            end, f"it leads to {end.size} records, and this log has a checkpoint of {sealed.size}: it was set back"
        )
    if end.size == 0:
        return CompactRange()
    if end.note is not None and (told.size != end.size):
        raise _foreign(end, f"its checkpoint covers {told.size} records, and {end.size} are there")
    if _hash_here(workspace, end) != end.hash:
        raise _foreign(end, f"its record {end.size - 1} is not that of this log: one of both went another way")
    tree = workspace.store.seals.tree(tenant, end.size)
    if end.note is not None and tree.root() != told.root:
        raise _foreign(end, f"its checkpoint of {end.size} records has another root than this log has there")
    return tree


def _hash_here(workspace: Workspace, end: FolderEnd) -> str | None:
    """The hash that the last record of the folder has in this log."""
    tenant = workspace.settings.tenant
    first = workspace.store.pruning.beginning(tenant)
    if first is not None and end.size < first.size:
        raise InputError(
            f"Records {end.size} to {first.size - 1} of {tenant!r} were pruned before they were exported to"
            f" {end.last.parent}, so nothing can follow there.",
            mend="Export into another folder; this one stays whole as it is.",
        )
    if first is not None and end.size == first.size:
        return "sha256:" + first.prev.hex()
    here = next(workspace.store.entries(tenant, end.size - 1), None)
    return None if here is None or here.seq != end.size - 1 else here.hash


def _told(end: FolderEnd) -> Checkpoint:
    try:
        return Checkpoint.parse(parse_note(end.note or "").text)
    except ValueError as error:
        raise _broken(end.last, f"its checkpoint is none: {error}") from None


def _broken(file: Path, why: str) -> InputError:
    return InputError(
        f"The export does not go on behind {file}: {why}.",
        mend=f"govflow audit verify {file.parent} says more. Export into another folder, or put a whole copy back.",
    )


def _foreign(end: FolderEnd, why: str) -> InputError:
    return InputError(
        f"{end.last} does not belong to this log: {why}.",
        mend="Keep the folder as it is, find out why with `govflow audit verify`, and export into another one.",
    )
