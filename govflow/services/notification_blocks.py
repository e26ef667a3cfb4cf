"""Notification blocks that an engine's server keeps: ``block:TYPE/NAME`` where an address may stand.

Services know no engine. The adapter of one says how such a block sends, as soon as it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from govflow.errors import EngineError
from govflow.services.describe.messages import Text

Sender = Callable[[str, Text], None]
"""Sends by the block of that TYPE/NAME. Raises where it was not sent."""

_SENDERS: Final[list[Sender]] = []


def blocks_are_sent_by(sender: Sender) -> None:
    """From now on such blocks send by ``sender``."""
    _SENDERS[:] = [sender]


def send_by_block(name: str, text: Text) -> None:
    """Send by the block of that TYPE/NAME.

    Raises:
        EngineError: no adapter is loaded.
    """
    if not _SENDERS:
        raise EngineError(
            "The block is kept by the engine's server, and nothing here asks it.",
            mend="Load the adapter first: import govflow.prefect",
        )
    _SENDERS[0](name, text)
