"""The body of a record: the bytes that its writer makes and that nobody changes afterwards.

Canonical JSON (RFC 8785) of these members, those that are not known left out:

    at, attempt, commitments, correlation, event, flow, format, payload, run_id, severity, step_id, subject, tenant,
    writer, writer_seq

``commitments`` maps the name of a value that may hold personal data to ``SHA-256(salt || canonical(value))``: the
value and its salt lie elsewhere and can be erased, and these bytes stay what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import orjson

from govflow.audit.copies import rule_in
from govflow.audit.record import FORMAT, Draft
from govflow.audit.vocabulary import severity_of
from govflow.errors import UnusableText
from govflow.ir.canonical import canonical

SALT_BYTES: Final = 16

_REQUIRED: Final[Mapping[str, type]] = {
    "at": str,
    "event": str,
    "format": int,
    "payload": dict,
    "severity": str,
    "subject": str,
    "tenant": str,
    "writer": str,
    "writer_seq": int,
}


def make_body(draft: Draft, *, writer: str, writer_seq: int, commitments: Mapping[str, str]) -> bytes:
    """The canonical bytes of a record's body.

    Args:
        draft: what the caller knows.
        writer: name of the stream that numbers the record; one stream belongs to one tenant.
        writer_seq: number of the record in that stream, from 0, without gaps.
        commitments: name of each of the draft's values to its commitment, ``sha256:<hex>``.

    Raises:
        CanonicalError: the payload holds what JSON cannot hold; the message names the place.
        UnusableText: a text by which records are searched for holds a NUL.
        VocabularyError: the event is not registered.
        ValueError: ``at`` has no time zone.
    """
    return end_body(begin_body(draft, commitments), orjson.dumps(writer), writer_seq)


def begin_body(draft: Draft, commitments: Mapping[str, str]) -> bytes:
    """A body up to its writer, who numbers it: most of the work, for which nobody else has to wait.

    Args:
        draft: what the caller knows.
        commitments: as for :func:`make_body`, which says what is raised, too.
    """
    at = draft.at
    if at.tzinfo is not UTC:
        if at.tzinfo is None:
            raise ValueError("the time of a record needs a time zone")
        at = at.astimezone(UTC)
    body: dict[str, Any] = {
        "at": _spelled(at),
        "event": draft.event,
        "format": FORMAT,
        # Canonical by itself, and so in its place: only here can be what orjson would write in another way.
        "payload": orjson.Fragment(canonical(draft.payload, draft.event + ".payload")),
        "severity": severity_of(draft.event, draft.severity).value,
        "subject": draft.subject,
        "tenant": draft.tenant,
    }
    if draft.run_id is not None:
        body["run_id"] = draft.run_id
    if draft.flow is not None:
        body["flow"] = draft.flow
    if draft.step_id is not None:
        body["step_id"] = draft.step_id
    if draft.attempt is not None:
        body["attempt"] = draft.attempt
    if draft.correlation is not None:
        body["correlation"] = draft.correlation
    if commitments:
        body["commitments"] = dict(commitments)
    try:
        begun = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)[:-1]
    except TypeError:  # a name that is not text, or not UTF-8: the exact way says which
        begun = canonical({**body, "payload": draft.payload}, draft.event)[:-1]
    if b"\\u0000" in begun:
        _refuse_nul(draft)
    return begun


def _refuse_nul(draft: Draft) -> None:
    """JSON holds it, and so does a spool, but not every database: there it would hold up all records behind it."""
    searched = (draft.subject, draft.tenant, draft.run_id or "", rule_in(draft.payload) or "")
    if any("\0" in text for text in searched):
        raise UnusableText("A text that was given holds a NUL.", mend="Leave the character U+0000 out.")


def end_body(begun: bytes, writer: bytes, writer_seq: int) -> bytes:
    """The whole body: its writer and number are the last of its names in canonical order.

    Args:
        begun: from :func:`begin_body`.
        writer: name of the stream, as JSON.
        writer_seq: number of the record in it.
    """
    return b'%b,"writer":%b,"writer_seq":%d}' % (begun, writer, writer_seq)


def _spelled(at: datetime) -> str:
    """Always microseconds and Z: one moment has one spelling, and text order is time order."""
    text = at.isoformat()
    return text[:26] + "Z" if at.microsecond else text[:19] + ".000000Z"


def commit(value: object, salt: bytes) -> str:
    """The commitment to a value: ``sha256:`` of salt and canonical form.

    Args:
        value: a JSON value.
        salt: 16 random bytes, for this value alone: a shared or missing salt makes short values guessable.

    Raises:
        CanonicalError: the value has no canonical form.
        ValueError: the salt is not 16 bytes.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return "sha256:" + sha256(salt + canonical(value)).hexdigest()


def parse_body(data: bytes) -> dict[str, Any]:
    """Read a body.

    Raises:
        ValueError: the bytes are not the body of a record of this format; the message says in which way.
    """
    body = orjson.loads(data)
    if not isinstance(body, dict):
        raise ValueError("the body is not an object")
    found = body.get("format")
    if found != FORMAT:
        raise ValueError(f"the body has format {found!r}; this version reads format {FORMAT}")
    for name, kind in _REQUIRED.items():
        if type(body.get(name)) is not kind:
            raise ValueError(f"the body has no {name!r}, or not as {kind.__name__}")
    return body
