"""The lines of a spool: what a record looks like between its acknowledgement and its place in the log.

    <crc32 of the rest, 8 hex digits> <rest>LF

where the rest is one of

    {...}[TAB <values as JSON>]                                          a body as it will stand in the log
    #<number> <format>                                                   a form that bodies of this file are made from
    =<number> <micros> <attempt> <task run> <writer> <writer's number>   a record: what is to be filled into that form

Thousands of records of a run differ in a few places only: these are spooled by the third kind, a tenth as long, and the
body is made from it when the record is brought to the log, by whomever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple
from zlib import crc32

import orjson

from govflow.audit.body import parse_body
from govflow.audit.copies import rule_in
from govflow.audit.template import Template, fill
from govflow.store.placing import Pending
from govflow.store.times import micros

_CRC: Final = 8  # hexadecimal digits


Sparse = tuple[Template, int, int, str, str, int]
"""A record of a template that is acknowledged, without its body: template, microseconds since 1970, attempt, task run,
writer, writer's number. A plain tuple: one is made twice for each task."""


def made_whole(record: Sparse) -> Pending:
    """The same record with its body."""
    template, at, attempt, task_run_id, writer, number = record
    draft, body = template.draft, template.body(at, attempt, task_run_id, writer, number)
    return Pending(
        draft.tenant, writer, number, draft.event, draft.subject, draft.run_id, at, rule_in(draft.payload), body
    )


def make_line(body: bytes, values: tuple[tuple[str, bytes, str], ...]) -> bytes:
    """The line of a record with its body."""
    if values:
        side = orjson.dumps([[name, salt.hex(), value] for name, salt, value in values])
        body = body + b"\t" + side
    return b"%08x %b\n" % (crc32(body), body)


def form_line(number: int, template: Template) -> bytes:
    """The line that gives a template its number in this file."""
    rest = b"#%d %b" % (number, template.format)
    return b"%08x %b\n" % (crc32(rest), rest)


def sparse_line(form: int, at: int, attempt: int, task_run_id: str, writer: str, writer_seq: int) -> bytes:
    """The line of a record of a template. Neither of the texts holds a blank."""
    rest = f"={form} {at} {attempt} {task_run_id} {writer} {writer_seq}".encode()
    return b"%08x %b\n" % (crc32(rest), rest)


class Contents(NamedTuple):
    """What was read from somebody's spool. ``bad`` counts lines that cannot be read."""

    records: list[Pending]
    bad: int


def read_lines(data: bytes) -> Contents:
    """Read spooled lines up to the first NUL. What follows the last line feed was never acknowledged."""
    records: list[Pending] = []
    forms: dict[int, bytes] = {}
    bad = 0
    for line in data.partition(b"\0")[0].split(b"\n")[:-1]:
        try:
            rest = _checked(line)
            if rest.startswith(b"#"):
                number, _, form = rest[1:].partition(b" ")
                forms[int(number)] = form
            else:
                records.append(_read_record(rest, forms))
        except (ValueError, KeyError, TypeError):
            bad += 1
    return Contents(records, bad)


def _checked(line: bytes) -> bytes:
    rest = line[_CRC + 1 :]
    if int(line[:_CRC], 16) != crc32(rest):
        raise ValueError("checksum")
    return rest


def _read_record(rest: bytes, forms: Mapping[int, bytes]) -> Pending:
    side = b""
    if rest.startswith(b"="):
        form, at, attempt, task_run_id, writer, number = rest[1:].split(b" ")
        raw = fill(forms[int(form)], int(at), int(attempt), task_run_id, writer, int(number))
    else:
        raw, _, side = rest.partition(b"\t")
    body = parse_body(raw)
    values = tuple((name, bytes.fromhex(salt), value) for name, salt, value in orjson.loads(side)) if side else ()
    return Pending(
        body["tenant"],
        body["writer"],
        body["writer_seq"],
        body["event"],
        body["subject"],
        body.get("run_id"),
        micros(datetime.fromisoformat(body["at"])),
        rule_in(body["payload"]),
        raw,
        values,
    )
