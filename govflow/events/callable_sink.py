"""A sink that calls a function of the user's."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from govflow.errors import SettingsError
from govflow.events.envelope import Envelope


class CallableSink:
    """Calls ``function`` with each envelope, in the sink's own thread. It may raise what it likes."""

    def __init__(self, function: Callable[[Envelope], object]) -> None:
        self._function = function

    def send(self, envelope: Envelope) -> None:
        """Call it."""
        self._function(envelope)

    @classmethod
    def named(cls, entry_point: str) -> CallableSink:
        """The sink of ``package.module:function``, which is imported here.

        Raises :class:`~govflow.errors.SettingsError` where there is no such function.
        """
        return cls(_imported(entry_point))

    @classmethod
    def late(cls, entry_point: str) -> CallableSink:
        """The same, but imported when the first envelope comes: nobody waits for what they may not need."""
        found: list[Callable[[Envelope], object]] = []

        def send(envelope: Envelope) -> object:
            if not found:
                found.append(_imported(entry_point))
            return found[0](envelope)

        return cls(send)


def _imported(entry_point: str) -> Callable[[Envelope], object]:
    module, _, name = entry_point.partition(":")
    mend = "Write package.module:function, a function that takes one envelope."
    if not module or not name:
        raise SettingsError(f"{entry_point!r} does not name a function.", mend=mend)
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise SettingsError(f"{entry_point!r} cannot be imported ({type(error).__name__}).", mend=mend) from None
    if not callable(function):
        raise SettingsError(f"{entry_point!r} cannot be called.", mend=mend)
    taken: Callable[[Envelope], object] = function
    return taken
