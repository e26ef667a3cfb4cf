"""What lists show of a request, and what a search looks in: written once, when the request is opened."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from govflow.approval.models import ApprovalRequest
from govflow.approval.people import person_key
from govflow.store.tables import APPROVAL_LISTING as LISTING
from govflow.store.times import micros


def add(connection: Connection, request: ApprovalRequest, ordinal: int) -> None:
    """Insert the listing of a request that was inserted with this ordinal, in the same transaction."""
    at = request.binding
    shown = {name: str(request.summary.get(name) or "") for name in ("action", "resource")}
    words = (at.flow, at.step_id, at.run_id, request.requester, *shown.values())
    connection.execute(
        insert(LISTING).values(
            tenant=at.tenant,
            ordinal=ordinal,
            request_id=request.request_id,
            flow=at.flow,
            tier=int(request.tier),
            rule=request.rule.name,
            **shown,
            barred="".join(map(barred, (request.requester, *request.owners))),
            search=" ".join(words).lower(),
            created_at=micros(request.created_at),
        )
    )


def barred(name: str) -> str:
    """A person as ``barred`` holds them: within line ends, which no name has, so that one is not found in another."""
    return f"\n{person_key(name)}\n"


class place(FunctionElement[int]):
    """Where a text stands in a column, from 1; 0 where it does not. No character of it has a meaning of its own.

    Not LIKE: it costs twice as much, and PostgreSQL then reads a tenant's rows with all its processors at once.
    """

    type = Integer()
    inherit_cache = True

    def __init__(self, column: ColumnElement[str], text: str) -> None:
        super().__init__(column, text)


@compiles(place)
def _instr(element: place, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(place, "postgresql")
def _strpos(element: place, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"
