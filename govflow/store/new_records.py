"""Making a record of what a caller knows: its body, the commitments in that, and the values beside it.

All but the writer's name and number is made by whoever has something to record, before he waits for a lock: what is
left to do inside is to put both behind it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, NamedTuple

from govflow.audit.body import SALT_BYTES, begin_body, commit, end_body
from govflow.audit.copies import rule_in
from govflow.audit.record import Draft
from govflow.ir.canonical import canonical
from govflow.store.placing import Pending
from govflow.store.times import micros

Values = tuple[tuple[str, bytes, str], ...]
"""Name, salt and canonical JSON text of each."""

_NONE: Final[tuple[Mapping[str, str], Values]] = ({}, ())


class Unnumbered(NamedTuple):
    """A record without the name and the number that its writer gives it."""

    draft: Draft
    begun: bytes  # of its body, see :func:`govflow.audit.body.begin_body`
    at: int  # microseconds since 1970
    rule: str | None
    values: Values


def unnumbered(draft: Draft) -> Unnumbered:
    """What a draft makes, each of its values with a salt of its own.

    Raises:
        CanonicalError: the payload or a value has no canonical form.
        UnusableText: a text by which records are searched for holds a NUL.
        VocabularyError: the event is not registered.
        ValueError: ``at`` has no time zone.
    """
    commitments, values = _sealed(draft) if draft.values else _NONE
    return Unnumbered(draft, begin_body(draft, commitments), micros(draft.at), rule_in(draft.payload), values)


def numbered(record: Unnumbered, writer: str, as_json: bytes, number: int) -> Pending:
    """The record that a writer numbers so.

    Args:
        record: what it is.
        writer: the stream's name.
        as_json: the same, as JSON.
        number: of the record in the stream.
    """
    draft, begun, at, rule, values = record
    body = end_body(begun, as_json, number)
    return Pending(draft.tenant, writer, number, draft.event, draft.subject, draft.run_id, at, rule, body, values)


def _sealed(draft: Draft) -> tuple[Mapping[str, str], Values]:
    commitments = {}
    values = []
    for name, value in draft.values.items():
        text = canonical(value, f"{draft.event}.values.{name}").decode()
        salt = os.urandom(SALT_BYTES)
        commitments[name] = commit(value, salt)
        values.append((name, salt, text))
    return commitments, tuple(values)
