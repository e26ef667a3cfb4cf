"""Records of which thousands differ in three places only: made canonical once, filled in at each call.

The intent and the outcome of a step that nothing has to wait for are the same bytes for every task run of a run, but
for the time, the attempt and the task run's id. Serialising them anew was most of what such a task cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from govflow.audit.body import make_body
from govflow.audit.record import Draft

TASK_RUN: Final = "task_run_id"
"""The key of a draft's payload that a template fills in."""

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
    """The body of ``draft`` with holes for time, attempt, task run, writer and writer's number."""

    def __init__(self, draft: Draft) -> None:
        """Take ``draft`` for everything but the holes. It must not have values: each of those has its own salt.

        Raises:
            ValueError: the draft has values, or holds a text that stands for a hole.
        """
        if draft.values:
            raise ValueError("a record with values has no template")
        self.draft = draft
        body = make_body(_filled(draft, _AT, _ATTEMPT, _ID), writer=_WRITER, writer_seq=_NUMBER, commitments={})
        if any(body.count(hole) != 1 for hole in _IN_ORDER):
            raise ValueError("the draft holds a text that stands for a hole")
        parts = []
        for hole in _IN_ORDER:  # the order in which canonical form sorts the keys
            before, _, body = body.partition(hole)
            parts.append(before)
        self._parts = (*parts, body)

    def body(self, at: datetime, attempt: int, task_run_id: str, writer: str, writer_seq: int) -> bytes:
        """The canonical bytes, the same as :func:`govflow.audit.body.make_body` gives.

        Args:
            at: in UTC.
            attempt: from 1.
            task_run_id: letters, digits and hyphens only; it is not escaped.
            writer: name of the stream, likewise.
            writer_seq: number of the record in it.
        """
        one, two, three, four, five, end = self._parts
        stamp = at.isoformat()
        stamp = stamp[:26] + "Z" if at.microsecond else stamp[:19] + ".000000Z"
        text = (
            stamp.encode(),
            b"%d" % attempt,
            task_run_id.encode(),
            writer.encode(),
            b"%d" % writer_seq,
        )
        return b"".join((one, text[0], two, text[1], three, text[2], four, text[3], five, text[4], end))


@dataclass(slots=True)
class Filled:
    """A record made from a template: what the log takes in place of a :class:`govflow.audit.record.Draft`."""

    template: Template
    at: datetime
    attempt: int
    task_run_id: str

    @property
    def event(self) -> str:
        """The event of the record."""
        return self.template.draft.event

    def draft(self) -> Draft:
        """The same record, written out."""
        return _filled(self.template.draft, self.at, self.attempt, self.task_run_id)


def _filled(draft: Draft, at: datetime, attempt: int, task_run_id: str) -> Draft:
    return replace(draft, at=at, attempt=attempt, payload={**draft.payload, TASK_RUN: task_run_id})
