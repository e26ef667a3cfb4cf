"""Statements that code makes, when they are run: then the database is known, and whether they say which rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from govflow.planning.effects.deeds import Deed, Deeds
from govflow.planning.effects.given import Given, table_of
from govflow.planning.effects.locations import clean, shown
from govflow.planning.values import Object

# Kinds of the catalogue: the action, and whether no condition was put to it.
CHANGES: Final = {
    "sqlalchemy-delete": ("data:delete", True),
    "sqlalchemy-update": ("data:update", True),
    "sqlalchemy-bounded-delete": ("data:delete", False),
    "sqlalchemy-bounded-update": ("data:update", False),
}


def run_statement(statement: Object, provider: str, deeds: Deeds) -> Iterator[Deed]:
    """What running a statement of SQLAlchemy does, in place of what was noted where it was made."""
    action, unbounded = CHANGES[statement.kind]
    for resource in _resources(statement):
        text = f"{action} {resource}"
        deeds.found.pop(Deed(action, "sql", resource, detail=text), None)
        yield Deed(action, provider, resource, unbounded, text)


def _resources(statement: Object) -> Iterator[str]:
    given = Given({}, statement.given, None)
    found = given.texts("table")
    if not found:
        own = table_of(statement)
        found = ((None,),) if own is None else (own,)
    for parts in found:
        yield clean("dataset://" + shown(parts).replace(".", "/"))
