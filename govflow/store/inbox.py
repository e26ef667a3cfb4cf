"""The inbox: pages of requests, found without reading a document and at the same speed however many there are.

A page is found in one of two ways. Walking the *members*, the rows of those whom a view asks for (a selector, a state)
in an index, newest first; or walking the listings, where a filter looks in, and asking of each match whether it is a
member. The first is for no filter or few members, the second for a filter that has many members to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, func, or_, select

from govflow.approval.models import RequestState
from govflow.errors import RequestError
from govflow.store.engine import Database
from govflow.store.inbox_members import Asked, InState, Looked, Members, Right
from govflow.store.listings import place
from govflow.store.tables import APPROVAL_LISTING as LISTING
from govflow.store.tables import APPROVAL_REQUEST as REQUEST
from govflow.store.tables import NO_MAP_INDEX
from govflow.store.times import moment

View = Literal["mine", "all", "decided"]

MOST: Final = 200
"""Rows of one page."""
MOST_COUNTED: Final = 1000
"""Counting ends there: that there are more is all that anybody has to know."""
_FEW: Final = 3000  # members that are looked up one by one for a filter
_END: Final = 2**62  # after every ordinal
_DECIDED: Final = tuple(state for state in RequestState if state is not RequestState.PENDING)
_OF_REQUEST: Final = ("ordinal", "request_id", "flow", "step_id", "run_id", "map_index", "requester", "tier", "rule")
_MOVING: Final = ("state", "state_at", "expires_at")
_OF_LISTING: Final = ("action", "resource", "created_at")
_SHOWN: Final = (
    *(REQUEST.c[name] for name in (*_OF_REQUEST, *_MOVING)),
    *(LISTING.c[name] for name in _OF_LISTING),
)


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A request as a list shows it."""

    ordinal: int  # order of opening; a page goes on before it
    request_id: str
    flow: str
    step_id: str
    run_id: str
    map_index: int | None
    requester: str
    tier: int
    rule: str
    action: str
    resource: str
    state: RequestState
    state_at: datetime
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Rows, newest first, and the ordinal before which the next page begins; None at the end."""

    rows: tuple[InboxRow, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many, as far as it was counted."""

    number: int
    more: bool

    def __str__(self) -> str:
        return f"{self.number}+" if self.more else str(self.number)


class Inbox:
    """Lists of requests. Reads only; safe to share between threads."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def page(
        self,
        tenant: str,
        *,
        selectors: frozenset[str],
        person: str,
        view: View = "mine",
        search: str = "",
        state: RequestState | None = None,
        tier: int | None = None,
        flow: str | None = None,
        through: Sequence[Right] = (),
        before: int | None = None,
        limit: int = 50,
    ) -> InboxPage:
        """One page of requests, newest first.

        Args:
            tenant: whose.
            selectors: what a rule may name the person by.
            person: who looks.
            view: ``mine``: pending, asks the person, who has not voted and is neither requester nor owner; ``decided``:
                everything but pending; ``all``.
            search: a part of flow, step, run, requester, action or resource, in any case.
            state: in this state only.
            tier: of this tier only.
            flow: of this flow only, by its whole name.
            through: what others' delegations let the person answer.
            before: the ``next`` of the page before.
            limit: rows, 1 to :data:`MOST`.

        Raises:
            RequestError: ``limit`` is out of range.
        """
        with self._db.reading() as connection:
            return page_of(
                connection,
                tenant,
                selectors=selectors,
                person=person,
                view=view,
                search=search,
                state=state,
                tier=tier,
                flow=flow,
                through=through,
                before=before,
                limit=limit,
            )

    def counts(
        self, tenant: str, *, selectors: frozenset[str], person: str, through: Sequence[Right] = ()
    ) -> dict[str, Count]:
        """How many requests each view has, and how many are ``pending``, each counted up to :data:`MOST_COUNTED`."""
        with self._db.reading() as connection:
            return counts_of(connection, tenant, selectors=selectors, person=person, through=through)


def page_of(
    connection: Connection,
    tenant: str,
    *,
    selectors: frozenset[str],
    person: str,
    view: View = "mine",
    search: str = "",
    state: RequestState | None = None,
    tier: int | None = None,
    flow: str | None = None,
    through: Sequence[Right] = (),
    before: int | None = None,
    limit: int = 50,
) -> InboxPage:
    """:meth:`Inbox.page` over a connection that is open."""
    if not 1 <= limit <= MOST:
        raise RequestError(f"limit {limit}: a page has 1 to {MOST} rows.", mend="Give another limit.")
    members = _members(view, (Right(selectors, person), *through), person, state)
    looked = _looked(search.strip().lower(), tier, flow)
    found = _found(connection, tenant, members, looked, _END if before is None else before, limit + 1)
    shown = found[:limit]
    return InboxPage(_rows(connection, shown), shown[-1] if len(found) > limit else None)


def counts_of(
    connection: Connection, tenant: str, *, selectors: frozenset[str], person: str, through: Sequence[Right] = ()
) -> dict[str, Count]:
    """:meth:`Inbox.counts` over a connection that is open."""
    rights = (Right(selectors, person), *through)
    counted = {view: _members(view, rights, person, None) for view in ("mine", "all", "decided")}
    counted["pending"] = [InState((RequestState.PENDING,))]
    return {name: _count(connection, tenant, members) for name, members in counted.items()}


def _members(view: str, rights: Iterable[Right], person: str, state: RequestState | None) -> Sequence[Members] | None:
    """Whom a view shows; None for everything."""
    if view == "mine":
        pending = state in (None, RequestState.PENDING)
        return [Asked(right, person) for right in dict.fromkeys(rights)] if pending else ()
    if view == "decided":
        return [InState(tuple(one for one in _DECIDED if state is None or state is one))]
    return None if state is None else [InState((state,))]


def _found(
    connection: Connection,
    tenant: str,
    members: Sequence[Members] | None,
    looked: Looked,
    before: int,
    most: int,
) -> list[int]:
    """The newest ordinals of a page and one of the next, newest first."""
    if members is None or (looked and _are_many(connection, tenant, members)):
        held = [] if members is None else [or_(*(one.holds(tenant) for one in members))]
        statement = select(LISTING.c.ordinal).where(LISTING.c.tenant == tenant, LISTING.c.ordinal < before)
        statement = statement.where(*looked, *held).order_by(LISTING.c.ordinal.desc()).limit(most)
        return [row[0] for row in connection.execute(statement)]
    ways = [way for one in members for way in one.ordinals(tenant, before, looked)]
    found = {row[0] for way in ways for row in connection.execute(way.limit(most))}
    return sorted(found, reverse=True)[:most]


def _looked(search: str, tier: int | None, flow: str | None) -> list[ColumnElement[bool]]:
    """What is demanded of a listing; empty where nothing is."""
    asked: list[ColumnElement[bool]] = []
    if tier is not None:
        asked.append(LISTING.c.tier == tier)
    if flow is not None:
        asked.append(LISTING.c.flow == flow)
    if search:
        asked.append(place(LISTING.c.search, search) > 0)
    return asked


def _are_many(connection: Connection, tenant: str, members: Sequence[Members]) -> bool:
    left = _FEW
    for one in members:
        for way in one.indexed(tenant):
            some = way.limit(left + 1).subquery()
            left -= connection.execute(select(func.count()).select_from(some)).scalar_one()
            if left < 0:
                return True
    return False


def _rows(connection: Connection, ordinals: Sequence[int]) -> tuple[InboxRow, ...]:
    if not ordinals:
        return ()
    statement = (
        select(*_SHOWN)
        .join(LISTING, LISTING.c.request_id == REQUEST.c.request_id)
        .where(REQUEST.c.ordinal.in_(ordinals))
        .order_by(REQUEST.c.ordinal.desc())
    )
    return tuple(_row(row) for row in connection.execute(statement).mappings())


def _row(row: RowMapping) -> InboxRow:
    index = row["map_index"]
    moments = {name: moment(row[name]) for name in ("state_at", "created_at", "expires_at")}
    changed = {"map_index": None if index == NO_MAP_INDEX else index, "state": RequestState(row["state"])}
    return InboxRow(**{**row, **moments, **changed})


def _count(connection: Connection, tenant: str, members: Sequence[Members] | None) -> Count:
    most = MOST_COUNTED + 1
    if members is None:
        some = select(LISTING.c.ordinal).where(LISTING.c.tenant == tenant).limit(most).subquery()
        number = connection.execute(select(func.count()).select_from(some)).scalar_one()
        return Count(min(number, MOST_COUNTED), number == most)
    found: set[int] = set()
    for way in (way for one in members for way in one.ordinals(tenant, _END, ())):
        found.update(row[0] for row in connection.execute(way.limit(most)))
        if len(found) >= most:  # the others can only add to it
            return Count(MOST_COUNTED, more=True)
    return Count(len(found), more=False)
