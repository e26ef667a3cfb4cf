"""Handing out records in the forms of other tools. They are read there; only the JSON lines of a whole log verify."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, Literal

import orjson

from govflow.audit.body import parse_body
from govflow.audit.cloudevent import cloudevent
from govflow.audit.flat_record import csv_header, csv_lines, flat_record
from govflow.audit.ocsf import ocsf_event
from govflow.audit.record import Draft, Entry
from govflow.errors import InputError, RequestError
from govflow.services.new_files import new_file
from govflow.services.parquet_file import parquet_file
from govflow.services.workspace import Workspace
from govflow.telemetry import redact

Form = Literal["csv", "parquet", "ocsf", "cloudevents"]
Told = Callable[[int, int | None], None]
"""Takes how many records are written, and None: how many there will be is not known."""
Parsed = tuple[int, str, dict[str, Any]]
"""A record's place, its hash and its body; the body is empty where its bytes are no record."""
_Sink = Callable[[list[Parsed]], object]

_BATCH: Final = 1_000  # records in memory


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which records; None is all. ``since`` and ``until`` are aware; ``until`` is before it."""

    run_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def to_dict(self) -> dict[str, str]:
        """What was said, as JSON values."""
        times = {name: at.isoformat() for name in ("since", "until") if (at := getattr(self, name)) is not None}
        return times | ({"run": self.run_id} if self.run_id is not None else {})


@dataclass(frozen=True, slots=True)
class Copied:
    """How many records were written, and of how many the bytes are no record: those have place and hash alone."""

    records: int
    unreadable: int


def export_records(
    workspace: Workspace,
    out: Path,
    now: datetime,
    form: Form,
    chosen: Chosen,
    told: Told = lambda done, total: None,
) -> Copied:
    """Write the chosen records in the order of the log, a batch at a time. The export is a record of the log itself.

    Secrets are masked, as wherever records are shown. Where anything fails, there is no file.

    Raises:
        RequestError: a time has no zone, or what writes the form is not installed.
        InputError: the file is there already or cannot be written.
        StoreError: the database cannot be used.
    """
    for at in (chosen.since, chosen.until):
        if at is not None and at.tzinfo is None:
            raise RequestError("A time needs its zone.", mend="Write it as 2026-03-01T12:00:00Z.")
    tenant = workspace.settings.tenant
    store = workspace.store
    store.flush()
    entries = store.audit_selection.records(
        tenant, store.head(tenant).size, run_id=chosen.run_id, since=chosen.since, until=chosen.until
    )
    try:
        with new_file(out) as to:
            with _sink(to, form, tenant) as sink:
                copied = _copy(entries, sink, told)
            # Before the copy counts as handed out: no copy without a record of it.
            payload = {"format": form, "records": copied.records, "files": 1, **chosen.to_dict()}
            draft = Draft("log.exported", tenant, now, subject=workspace.requester().name, payload=payload)
            store.append(draft, durable=True)
    except OSError as error:
        raise InputError(
            f"{out} cannot be written: {error.strerror or error}.", mend="Name a file that is not there."
        ) from None
    return copied


def _copy(entries: Iterator[Entry], sink: _Sink, told: Told) -> Copied:
    records = unreadable = 0
    while batch := [_parsed(entry) for entry in islice(entries, _BATCH)]:
        sink(batch)
        records += len(batch)
        unreadable += sum(not body for _, _, body in batch)
        told(records, None)
    return Copied(records, unreadable)


def _parsed(entry: Entry) -> Parsed:
    try:
        return entry.seq, entry.hash, redact(parse_body(entry.body))
    except ValueError:
        return entry.seq, entry.hash, {}


def _sink(to: IO[bytes], form: Form, tenant: str) -> AbstractContextManager[_Sink]:
    if form == "parquet":
        return parquet_file(to)
    if form == "csv":
        return _lines(to, csv_header(), lambda batch: csv_lines(flat_record(*one) for one in batch))
    event = ocsf_event if form == "ocsf" else cloudevent
    return _lines(to, b"", lambda batch: b"".join(orjson.dumps(event(tenant, *one)) + b"\n" for one in batch))


@contextmanager
def _lines(to: IO[bytes], header: bytes, lines: Callable[[list[Parsed]], bytes]) -> Iterator[_Sink]:
    to.write(header)
    yield lambda batch: to.write(lines(batch))
