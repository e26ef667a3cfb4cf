"""Checking an exported log with public keys and nothing else: no database, no network, no settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from govflow.audit.checkpoint import open_checkpoint, origin_of
from govflow.audit.export import Header, checkpoint_in, entry_in
from govflow.audit.merkle import CompactRange
from govflow.audit.note import NotTrusted
from govflow.audit.record import Entry, Head
from govflow.audit.spans import Joined, join, roots_of
from govflow.audit.verifier_key import VerifierKey
from govflow.audit.verify import Held, How, Outcome, Verdict, verify
from govflow.errors import InputError
from govflow.services.export_parts import LINE, Contents, check_part, contents_of, marked
from govflow.services.verify_audit import LogVerdict
from govflow.services.verify_in_processes import in_processes
from govflow.services.verify_stretch import verify_stretch
from govflow.services.witnessed import Witnesses, judged, vouched

Told = Callable[[int, int | None], None]
"""Takes how many records were checked, and how many there are."""


def verify_export(
    files: Sequence[Path],
    keys: Sequence[VerifierKey],
    held: Held | None = None,
    told: Told = lambda done, total: None,
    jobs: int = 1,
    witnesses: Witnesses | None = None,
) -> LogVerdict:
    """Check the files of one export against its checkpoints, and against one that was kept elsewhere.

    An export that was continued each day has several: the records have to lead to each, and end with the last.

    Args:
        files: of one export, in any order.
        keys: of the log, at least one.
        held: what a checkpoint says that was kept elsewhere and whose signature was checked: without it an older
            export, or one of a fork that the same key signed, cannot be told from the newest.
        told: called now and then.
        jobs: how many processes check at once.
        witnesses: who has to have cosigned ``held``, or else some checkpoint in the files.

    Raises:
        InputError: a file cannot be read.
    """
    try:
        return _verified(files, keys, held, told, jobs, witnesses)
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be read: {error.strerror or error}.", mend="Name files that are there."
        ) from None


def _verified(
    files: Sequence[Path],
    keys: Sequence[VerifierKey],
    held: Held | None,
    told: Told,
    jobs: int,
    witnesses: Witnesses | None,
) -> LogVerdict:
    headers: dict[Path, Header] = {}
    for file in files:
        try:
            headers[file] = _header(file)
        except ValueError as error:
            return _unjudged("", f"{file}: {error}.")
    ordered = sorted(headers, key=lambda file: (headers[file].size, file.name))
    first = headers[ordered[0]]
    if first.size and not first.peaks:
        return _unjudged(first.tenant, f"The files begin at record {first.size}; those before it are missing.")
    if any(header.tenant != first.tenant for header in headers.values()):
        return _unjudged(first.tenant, "The files are of the logs of several tenants: give those of one.")
    if len(ordered) > 1 and headers[ordered[1]].size == 0:
        words = f"{ordered[0]} and {ordered[1]} both begin at the first record: give the files of one export."
        return _unjudged(first.tenant, words)
    try:
        contents = contents_of(ordered, first.tenant)
        signed = _signed(contents.notes, first.tenant, keys)
    except (ValueError, NotTrusted) as error:
        return _unjudged(first.tenant, f"The checkpoint of the export does not count: {error}.")
    earlier, own = signed[:-1], signed[-1] if signed else None
    unlike = _unlike(ordered, headers, contents)
    if unlike is None:  # what they say of the tree is held to, as a checkpoint is
        earlier = [*earlier, *(_said(file, headers[file]) for file in ordered[1:] if headers[file].peaks)]
    if first.size:
        verdict = verify_stretch(first, lambda: _entries(ordered, 0, first.size), own, held, earlier)
    else:
        verdict = _whole(ordered, contents, first.tenant, own, held, earlier, told, jobs)
    if verdict.outcome is Outcome.VERIFIED and len({one.size for one in signed}) < len(signed):
        return _unjudged(first.tenant, "A checkpoint stands there twice: give the files of one export.")
    if verdict.outcome is Outcome.VERIFIED and unlike is not None:
        words = f"The first line of {unlike} was altered: it does not say what stands before it."
        seq = max(headers[unlike].size - 1, 0)
        verdict = Verdict(Outcome.TAMPERED, words, verdict.records, verdict.against, seq=seq, how=How.ALTERED)
    if witnesses is not None:
        # Every checkpoint in the files was held to: that enough witnesses know one of them is all that is asked.
        verdict = judged(verdict, vouched(witnesses, contents.notes, keys))
    return LogVerdict(first.tenant, verdict)


def _unlike(files: Sequence[Path], headers: Mapping[Path, Header], contents: Contents) -> Path | None:
    """The first file whose first line says something else than the files before it."""
    first = headers[files[0]]  # where it begins behind other records, its own are held to what it says
    for file, (records, last) in zip(files, contents.before, strict=True):
        said = headers[file]
        if (file != files[0] or first.size == 0) and (said.size, said.hash) != (first.size + records, last):
            return file
    return None


def _said(file: Path, header: Header) -> Held:
    return Held(header.size, CompactRange(header.size, header.peaks).root(), f"the first line of {file.name}")


def _whole(
    files: Sequence[Path],
    contents: Contents,
    tenant: str,
    own: Held | None,
    held: Held | None,
    earlier: Sequence[Held],
    told: Told,
    jobs: int,
) -> Verdict:
    """The verdict on records from the first one on."""
    checked = partial(_checked, files, contents, earlier, told, jobs)
    if own is None:
        verdict = checked(None, held)
        missing = (
            " The export has no checkpoint: its end is missing." if verdict.outcome is Outcome.CANNOT_JUDGE else ""
        )
        return replace(verdict, words=verdict.words + missing)
    verdict = checked(None, own)
    if verdict.outcome is Outcome.CANNOT_JUDGE and verdict.records > own.size:
        verdict = replace(
            verdict, words=f"{verdict.records - own.size} records are behind the checkpoint of the export."
        )
    if held is not None and verdict.hash is not None and verdict.root is not None:
        # Whole in itself; now that its end is known, it is held to what somebody else has kept.
        verdict = checked(Head(tenant, verdict.records, verdict.hash, verdict.root), held)
    return verdict


def _checked(
    files: Sequence[Path],
    contents: Contents,
    also: Sequence[Held],
    told: Told,
    jobs: int,
    head: Head | None,
    held: Held | None,
) -> Verdict:
    """Span by span as far as all is well, and then record by record."""
    parts = contents.parts if contents.whole else []
    good = Joined(parts[0].tenant) if parts else None
    if good is not None:
        check = in_processes(check_part, min(jobs, len(parts))) if jobs > 1 and len(parts) > 1 else None
        roots = roots_of([*([] if held is None else [held]), *also])
        to_check = list(marked(parts, sorted(roots)))
        with closing(check(to_check) if check else (check_part(part) for part in to_check)) as spans:
            join(good, spans, roots, contents.records, told)
    start = 0 if good is None else good.size
    # Where all is well there is nothing left to look for, and every line would be read again to find that.
    left = _entries(files, start) if good is None or start < contents.records else iter(())
    return verify(left, head, held, good, also)


def _header(file: Path) -> Header:
    if file.exists() and not file.is_file():  # a pipe would be waited for, without an end
        raise ValueError("it is no file")
    with file.open("rb") as lines:
        return Header.parse(lines.readline(LINE))


def _signed(notes: Sequence[str], tenant: str, keys: Sequence[VerifierKey]) -> list[Held]:
    """What the checkpoints in the files say, the one of the most records last; each is signed by one of the keys."""
    mine = [key.name for key in keys if key.name == origin_of(key.name.rpartition("/")[0], tenant)]
    origin = mine[0] if mine else keys[0].name
    if notes and not mine:  # a key of the operator's may sign the logs of many tenants
        raise ValueError(f"the keys are of the log {origin!r}, and the export says that it is of tenant {tenant!r}")
    found = []
    for note in notes:
        opened = open_checkpoint(note, origin=origin, keys=keys).checkpoint
        found.append(Held(opened.size, opened.root, "the files"))
    found.sort()
    return [*found[:-1], *(one._replace(kept="") for one in found[-1:])]


def _entries(files: Sequence[Path], start: int, place: int = 0) -> Iterator[Entry]:
    """The records from a place on; the first of the files is that of ``place``."""
    for file in files:
        for line in _lines(file):
            if checkpoint_in(line) is not None:
                continue
            if place >= start:
                yield entry_in(line, place)
            place += 1


def _lines(file: Path) -> Iterator[bytes]:
    """The lines behind the header."""
    with file.open("rb") as lines:
        lines.readline(LINE)
        while line := lines.readline(LINE):
            yield line


def _unjudged(tenant: str, words: str) -> LogVerdict:
    return LogVerdict(tenant, Verdict(Outcome.CANNOT_JUDGE, words, 0, "no checkpoint"))
