"""Whom an inbox shows: the requests that ask somebody, or those in a state, each found in an index, newest first.

Whether a row belongs to a listing is counted, not asked for with EXISTS: a database that turns EXISTS into a join reads
all rows for a page of fifty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, and_, func, select

from govflow.approval.models import RequestState
from govflow.approval.people import person_key
from govflow.approval.selectors import EVERYONE, MACHINE
from govflow.store.listings import barred, place
from govflow.store.tables import APPROVAL_LISTING as LISTING
from govflow.store.tables import APPROVAL_REQUEST as REQUEST
from govflow.store.tables import APPROVAL_SELECTOR as SELECTOR
from govflow.store.tables import APPROVAL_VOTE as VOTE

Ordinals = Select[tuple[int]]
Looked = Sequence[ColumnElement[bool]]
"""What is demanded of a listing."""


class Members(Protocol):
    """Some requests of a tenant."""

    def ordinals(self, tenant: str, before: int, looked: Looked) -> list[Ordinals]:
        """Statements that together give those that are wanted, each newest first; the caller sets the limit."""

    def indexed(self, tenant: str) -> list[Ordinals]:
        """The rows that would be walked for it: what there is in the index, without looking at the requests."""

    def holds(self, tenant: str) -> ColumnElement[bool]:
        """Whether the request of a listing is one of them."""


@dataclass(frozen=True, slots=True)
class Right:
    """By what a person may be asked: the person's own selectors, or those of somebody who delegated.

    Attributes:
        selectors: what a rule may name the one by whose right it is.
        person: the name of that one, whose own requests are left out.
        request_ids: where the right is for these requests alone.
        rule: where it is for the requests of this approval rule alone.
    """

    selectors: frozenset[str]
    person: str
    request_ids: frozenset[str] | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The pending requests that ask somebody by a right, and not those where ``voter`` can give no answer."""

    right: Right
    voter: str

    def ordinals(self, tenant: str, before: int, looked: Looked) -> list[Ordinals]:
        """One statement for each selector: in each the index gives the order."""
        same = and_(LISTING.c.tenant == SELECTOR.c.tenant, LISTING.c.ordinal == SELECTOR.c.ordinal)
        return [
            way.join(LISTING, same).where(SELECTOR.c.ordinal < before, *looked, *self._free()).order_by(_NEWEST_ASKED)
            for way in self.indexed(tenant)
        ]

    def indexed(self, tenant: str) -> list[Ordinals]:
        """Rows of ``approval_selector``, which go when a request is decided."""
        ordinals = select(SELECTOR.c.ordinal).where(SELECTOR.c.tenant == tenant)
        return [ordinals.where(SELECTOR.c.selector == one) for one in self._selectors()]

    def holds(self, tenant: str) -> ColumnElement[bool]:
        """Probes of the primary key of ``approval_selector``."""
        mine = SELECTOR.c.selector.in_(self._selectors())
        probe = select(func.count()).where(SELECTOR.c.tenant == tenant, mine, SELECTOR.c.ordinal == LISTING.c.ordinal)
        return and_(probe.scalar_subquery() > 0, *self._free())

    def _selectors(self) -> list[str]:
        everyone = () if MACHINE in self.right.selectors else (EVERYONE,)  # which stands for people
        return sorted(self.right.selectors.union(everyone))

    def _free(self) -> list[ColumnElement[bool]]:
        """Nobody counts where requester or owner, nor twice; and a right may be for some requests only."""
        people = {person_key(name): name for name in (self.voter, self.right.person)}
        demanded: list[Any] = [place(LISTING.c.barred, barred(name)) == 0 for name in people.values()]
        votes = select(func.count()).where(
            VOTE.c.request_id == LISTING.c.request_id, func.lower(VOTE.c.principal) == person_key(self.voter)
        )
        demanded.append(votes.scalar_subquery() == 0)
        if self.right.request_ids is not None:
            demanded.append(LISTING.c.request_id.in_(sorted(self.right.request_ids)))
        if self.right.rule is not None:
            demanded.append(LISTING.c.rule == self.right.rule)
        return demanded


@dataclass(frozen=True, slots=True)
class InState:
    """The requests in one of some states."""

    states: tuple[RequestState, ...]

    def ordinals(self, tenant: str, before: int, looked: Looked) -> list[Ordinals]:
        """One statement for each state: in each the index gives the order."""
        ways = [
            way.where(REQUEST.c.ordinal < before).order_by(REQUEST.c.ordinal.desc()) for way in self.indexed(tenant)
        ]
        if not looked:
            return ways
        same = and_(LISTING.c.tenant == REQUEST.c.tenant, LISTING.c.ordinal == REQUEST.c.ordinal)
        return [way.join(LISTING, same).where(*looked) for way in ways]

    def indexed(self, tenant: str) -> list[Ordinals]:
        """Entries of the index by state."""
        ordinals = select(REQUEST.c.ordinal).where(REQUEST.c.tenant == tenant)
        return [ordinals.where(REQUEST.c.state == state.value) for state in self.states]

    def holds(self, tenant: str) -> ColumnElement[bool]:
        """Probes of the index by state."""
        states = [state.value for state in self.states]
        probe = select(func.count()).where(
            REQUEST.c.tenant == tenant, REQUEST.c.state.in_(states), REQUEST.c.ordinal == LISTING.c.ordinal
        )
        return probe.scalar_subquery() > 0


_NEWEST_ASKED = SELECTOR.c.ordinal.desc()
