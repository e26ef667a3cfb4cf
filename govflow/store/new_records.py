"""Making a record of what a caller knows: its body, the commitments in that, and the values beside it."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from govflow.audit.body import SALT_BYTES, commit, make_body
from govflow.audit.copies import rule_in
from govflow.audit.record import Draft
from govflow.ir.canonical import canonical
from govflow.store.log import Pending
from govflow.store.times import micros


class Sealed(NamedTuple):
    """Values by their commitments, and the same with their salts: name, salt, canonical JSON text."""

    commitments: dict[str, str]
    values: tuple[tuple[str, bytes, str], ...]


_NONE: Final = Sealed({}, ())


def sealed(draft: Draft) -> Sealed:
    """The values of a draft, each with a salt of its own.

    Raises:
        CanonicalError: one has no canonical form.
    """
    if not draft.values:
        return _NONE
    commitments = {}
    values = []
    for name, value in draft.values.items():
        text = canonical(value, f"{draft.event}.values.{name}").decode()
        salt = os.urandom(SALT_BYTES)
        commitments[name] = commit(value, salt)
        values.append((name, salt, text))
    return Sealed(commitments, tuple(values))


def new_record(draft: Draft, values: Sealed, writer: str, number: int) -> Pending:
    """The record that a writer numbers so; raises as :func:`govflow.audit.body.make_body` does."""
    body = make_body(draft, writer=writer, writer_seq=number, commitments=values.commitments)
    at, rule = micros(draft.at), rule_in(draft.payload)
    return Pending(
        draft.tenant, writer, number, draft.event, draft.subject, draft.run_id, at, rule, body, values.values
    )
