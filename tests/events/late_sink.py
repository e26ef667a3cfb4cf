"""A module with a sink's function, that nothing imports."""

from __future__ import annotations

from govflow.events.envelope import Envelope

taken: list[Envelope] = []


def take(envelope: Envelope) -> None:
    """Keep it."""
    taken.append(envelope)
