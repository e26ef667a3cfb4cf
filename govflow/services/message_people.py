"""One sweep from end to end: what is due is closed, counted, made into messages and sent; once, or again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from govflow.errors import StoreError
from govflow.services.escalate import Swept, sweep
from govflow.services.notify import Delivered, Link, deliver_due
from govflow.services.send_message import send
from govflow.services.workspace import Workspace
from govflow.telemetry import get_logger

EVERY: Final = 5.0
"""Seconds between two sweeps of a process that goes on."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Round:
    """What one sweep did and sent."""

    swept: Swept
    delivered: Delivered

    def to_dict(self) -> dict[str, int]:
        """The numbers, by name."""
        done, sent = self.swept, self.delivered
        return {
            "expired": len(done.expired),
            "reminded": done.reminded,
            "escalated": done.escalated,
            "sent": sent.sent,
            "failed": sent.failed,
            "given_up": sent.given_up,
            "dropped": sent.dropped,
        }


def message_people(workspace: Workspace, now: datetime, link: Link | None = None) -> Round:
    """Sweep once and send what is due.

    Raises:
        StoreError: the database cannot be used.
    """
    return Round(sweep(workspace, now), deliver_due(workspace, now, send, link=link))


def keep_messaging(
    workspace: Workspace, stop: threading.Event, tell: Callable[[Round], None], link: Link | None = None
) -> None:
    """Sweep every few seconds until ``stop`` is set, whatever a sweep fails by. A database that fails is asked again.

    Args:
        workspace: whose tenant and targets.
        stop: ends it.
        tell: called after each sweep.
        link: where a request is read, where no console is configured.
    """
    while not stop.is_set():
        try:
            tell(message_people(workspace, datetime.now(UTC), link))
        except StoreError as error:
            _log.warning("messages.retry", reason=error.message)
        except Exception as error:  # noqa: BLE001 - else one thing that nobody foresaw would end all messages
            _log.error("messages.failed", kind=type(error).__name__)
        stop.wait(EVERY)
