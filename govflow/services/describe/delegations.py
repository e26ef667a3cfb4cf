"""Who lets whom answer: the same words at the terminal and in pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from govflow.approval.models import Delegation
from govflow.services.describe.escape import plain, table
from govflow.services.describe.questions import moment


def delegation_line(one: Delegation) -> str:
    """One delegation as a sentence."""
    further = f"; may be handed on {_times(one.depth)}" if one.depth else ""
    said = f"{one.taker} may answer {covers(one)} in the stead of {one.giver} until {moment(one.expires_at)}{further}."
    return plain(said)


def delegations_text(found: Sequence[Delegation], now: datetime) -> str:
    """A list for a terminal, in the order given."""
    if not found:
        return "no delegations\n"
    heading = ["delegation", "from", "to", "for", "until", "handed on", "state", "why"]
    rows = [
        [
            plain(one.delegation_id),
            plain(one.giver),
            plain(one.taker),
            plain(covers(one)),
            moment(one.expires_at),
            str(one.depth),
            delegation_state(one, now),
            plain(one.reason, 60),
        ]
        for one in found
    ]
    return "\n".join(table([heading, *rows], indent=0)) + "\n"


def covers(one: Delegation) -> str:
    """What it is for, in words."""
    if one.request_id is not None:
        return f"request {one.request_id}"
    return "everything" if one.rule is None else f"requests of approval rule {one.rule}"


def delegation_state(one: Delegation, now: datetime) -> str:
    """Whether it counts."""
    if one.revoked_at is not None:
        return "taken back"
    return "over" if one.expires_at <= now else "in force"


def delegation_json(one: Delegation) -> dict[str, Any]:
    """As JSON data."""
    document: dict[str, Any] = one.model_dump(mode="json")
    return document


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
