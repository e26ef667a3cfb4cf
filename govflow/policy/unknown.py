"""What is not known of a request, which is not the same as what is missing.

A *missing* attribute is a fact about a request, and the law of missing attributes says what follows. An *unknown* one
had a value, or had none, and nobody can tell any more: it was never recorded, or it was erased. No decision is made
about such a request; :func:`govflow.policy.possible.possible` says which decisions it may have got.

In a request ``UNKNOWN`` stands in the place of the value. A condition on it has no answer, as one on a value of the
wrong type has none, so whatever else settles a rule still does. A request with it is never allowed: the engine denies
what it cannot evaluate.
"""

from __future__ import annotations

from typing import Final


class Undetermined(Exception):
    """A rule hangs on an attribute that is unknown. Stays in this room."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Unknown:
    """The class of :data:`UNKNOWN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
"""Stands for a value that nobody can tell."""
