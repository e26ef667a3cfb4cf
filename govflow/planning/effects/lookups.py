"""The catalogue as a reading asks it: all that is known of a callee at once, each callee once."""

from __future__ import annotations

from typing import NamedTuple

from govflow.planning.effects.catalogue import Call, Catalogue, ObjectType


class Known(NamedTuple):
    """What the catalogue says of one callee."""

    call: Call | None
    maker: ObjectType | None
    harmless: bool


class Lookups:
    """The catalogue, asked once for each callee of a session."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._known: dict[str, Known] = {}

    def of(self, callee: str) -> Known:
        """All that is known of a callee."""
        found = self._known.get(callee)
        if found is None:
            call = self.catalogue.find(callee)
            maker = self.catalogue.maker(callee)
            harmless = call is None and maker is None and self.catalogue.is_harmless(callee)
            found = self._known[callee] = Known(call, maker, harmless)
        return found
