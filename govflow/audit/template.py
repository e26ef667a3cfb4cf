"""Records of which thousands differ in three places only: made canonical once, filled in at each call.

The intent and the outcome of a step that nothing has to wait for are the same bytes for every task run of a run, but
for the time, the attempt and the task run's id. Serialising them anew was most of what such a task cost.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from govflow.audit.body import make_body
from govflow.audit.record import Draft

TASK_RUN: Final = "task_run_id"
"""The key of a draft's payload that a template fills in."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AT: Final = datetime(1, 2, 3, 4, 5, 6, 789012, UTC)
_ATTEMPT: Final = 918_273_645_546
_NUMBER: Final = 192_837_465_564
_ID: Final = "hole-6f1c4a52-task-run"
_WRITER: Final = "hole-6f1c4a52-writer"
_IN_ORDER: Final = (
    b"0001-02-03T04:05:06.789012Z",
    str(_ATTEMPT).encode(),
    _ID.encode(),
    _WRITER.encode(),
    str(_NUMBER).encode(),
)


class Template:
    """The body of ``draft`` with holes for time, attempt, task run, writer and writer's number.

    Attributes:
        draft: what it was made from.
        format: the body's bytes, with a ``%b`` for each hole.
    """

    def __init__(self, draft: Draft) -> None:
        """Take ``draft`` for everything but the holes. It must not have values: each of those has its own salt.

        Raises:
            ValueError: the draft has values, or holds a text that stands for a hole.
        """
        if draft.values:
            raise ValueError("a record with values has no template")
        self.draft = draft
        self.format = b""
        body = make_body(_filled(draft, _AT, _ATTEMPT, _ID), writer=_WRITER, writer_seq=_NUMBER, commitments={})
        if any(body.count(hole) != 1 for hole in _IN_ORDER):
            raise ValueError("the draft holds a text that stands for a hole")
        for hole in _IN_ORDER:  # the order in which canonical form sorts the keys
            before, _, body = body.partition(hole)
            self.format += before.replace(b"%", b"%%") + b"%b"
        self.format += body.replace(b"%", b"%%")

    def written(self, at: datetime, attempt: int, task_run_id: str) -> Draft:
        """The same record, written out."""
        return _filled(self.draft, at, attempt, task_run_id)

    def body(self, at: int, attempt: int, task_run_id: str, writer: str, writer_seq: int) -> bytes:
        """The canonical bytes, the same as :func:`govflow.audit.body.make_body` gives.

        Args:
            at: microseconds since 1970, UTC.
            attempt: from 1.
            task_run_id: letters, digits and hyphens only; it is not escaped.
            writer: name of the stream, likewise.
            writer_seq: number of the record in it.
        """
        return fill(self.format, at, attempt, task_run_id.encode(), writer.encode(), writer_seq)


def fill(form: bytes, at: int, attempt: int, task_run_id: bytes, writer: bytes, writer_seq: int) -> bytes:
    """The body that :attr:`Template.format` gives; see :meth:`Template.body`.

    Raises:
        TypeError: it is no such format.
    """
    return form % (_spelled(at), b"%d" % attempt, task_run_id, writer, b"%d" % writer_seq)


def _filled(draft: Draft, at: datetime, attempt: int, task_run_id: str) -> Draft:
    return replace(draft, at=at, attempt=attempt, payload={**draft.payload, TASK_RUN: task_run_id})


def _spelled(at: int) -> bytes:
    """A moment as :func:`govflow.audit.body.make_body` writes it."""
    second, micros = divmod(at, 1_000_000)
    return b"%b.%06dZ" % (_second(second), micros)


@lru_cache(maxsize=8)
def _second(second: int) -> bytes:
    """Thousands of records are of the same second."""
    return (_EPOCH + timedelta(seconds=second)).isoformat()[:19].encode()
