"""Checking an exported log with public keys and nothing else: no database, no network, no settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from govflow.audit.checkpoint import open_checkpoint, origin_of
from govflow.audit.export import Header, checkpoint_in, entry_in
from govflow.audit.note import NotTrusted
from govflow.audit.record import Entry, Head
from govflow.audit.verifier_key import VerifierKey
from govflow.audit.verify import Held, Outcome, Verdict, verify
from govflow.errors import InputError
from govflow.services.verify_audit import LogVerdict

Told = Callable[[int, int | None], None]
"""Takes how many bytes were read, and how many there are."""

_LINE: Final = 1 << 24  # bytes; a record is far smaller, and a file without line ends must not fill the memory
_OFTEN: Final = 10_000  # records between two words about how far it is


def verify_export(
    files: Sequence[Path],
    keys: Sequence[VerifierKey],
    held: Held | None = None,
    told: Told = lambda done, total: None,
) -> LogVerdict:
    """Check the files of one export against its checkpoint, and against one that was kept elsewhere.

    Args:
        files: of one export, in any order.
        keys: of the log, at least one.
        held: what a checkpoint says that was kept elsewhere and whose signature was checked: without it an older
            export, or one of a fork that the same key signed, cannot be told from the newest.
        told: called now and then.

    Raises:
        InputError: a file cannot be read.
    """
    try:
        return _verified(files, keys, held, told)
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be read: {error.strerror or error}.", mend="Name files that are there."
        ) from None


def _verified(files: Sequence[Path], keys: Sequence[VerifierKey], held: Held | None, told: Told) -> LogVerdict:
    headers: dict[Path, Header] = {}
    for file in files:
        try:
            headers[file] = _header(file)
        except ValueError as error:
            return _unjudged("", f"{file}: {error}.")
    ordered = sorted(headers, key=lambda file: headers[file].size)
    first = headers[ordered[0]]
    if first.size:
        return _unjudged(first.tenant, f"The files begin at record {first.size}; those before it are missing.")
    if any(header.tenant != first.tenant for header in headers.values()):
        return _unjudged(first.tenant, "The files are of the logs of several tenants: give those of one.")
    try:
        own = _sealed(ordered, first.tenant, keys)
    except (ValueError, NotTrusted) as error:
        return _unjudged(first.tenant, f"The checkpoint of the export does not count: {error}.")
    if own is None:
        verdict = verify(_entries(ordered, told), None, held)
        missing = (
            " The export has no checkpoint: its end is missing." if verdict.outcome is Outcome.CANNOT_JUDGE else ""
        )
        return LogVerdict(first.tenant, replace(verdict, words=verdict.words + missing))
    verdict = verify(_entries(ordered, told), None, own)
    if verdict.outcome is Outcome.CANNOT_JUDGE and verdict.records > own.size:
        verdict = replace(
            verdict, words=f"{verdict.records - own.size} records are behind the checkpoint of the export."
        )
    if held is not None and verdict.hash is not None and verdict.root is not None:
        # Whole in itself; now that its end is known, it is held to what somebody else has kept.
        head = Head(first.tenant, verdict.records, verdict.hash, verdict.root)
        verdict = verify(_entries(ordered, told), head, held)
    return LogVerdict(first.tenant, verdict)


def _header(file: Path) -> Header:
    with file.open("rb") as lines:
        return Header.parse(lines.readline(_LINE))


def _sealed(files: Sequence[Path], tenant: str, keys: Sequence[VerifierKey]) -> Held | None:
    """What the checkpoint of the export says; None if there is none."""
    notes = [note for file in files for line in _lines(file) if (note := checkpoint_in(line)) is not None]
    if not notes:
        return None
    if len(notes) > 1:
        raise ValueError("there are several; give the files of one export")
    origin = keys[0].name
    log = origin.rpartition("/")[0]
    if origin_of(log, tenant) != origin:  # a key of the operator's may sign the logs of many tenants
        raise ValueError(f"the keys are of the log {origin!r}, and the export says that it is of tenant {tenant!r}")
    opened = open_checkpoint(notes[0], origin=origin, keys=keys).checkpoint
    return Held(opened.size, opened.root)


def _entries(files: Sequence[Path], told: Told) -> Iterator[Entry]:
    total, read, place = sum(file.stat().st_size for file in files), 0, 0
    for file in files:
        for line in _lines(file):
            read += len(line)
            if checkpoint_in(line) is not None:
                continue
            yield entry_in(line, place)
            place += 1
            if place % _OFTEN == 0:
                told(read, total)


def _lines(file: Path) -> Iterator[bytes]:
    """The lines behind the header."""
    with file.open("rb") as lines:
        lines.readline(_LINE)
        while line := lines.readline(_LINE):
            yield line


def _unjudged(tenant: str, words: str) -> LogVerdict:
    return LogVerdict(tenant, Verdict(Outcome.CANNOT_JUDGE, words, 0, "no checkpoint"))
