"""How often somebody has answered wrongly of late.

What is counted is always somebody's own: a token's digest, a person, a session, an address. Never a request: whoever
answers wrongly stops nobody but themselves, and changes nothing about what they were asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from govflow.audit.record import Draft
from govflow.errors import TooManyAttempts
from govflow.store.commits import Transaction
from govflow.store.tables import ANSWER_ATTEMPT as ATTEMPT
from govflow.store.times import micros, moment

WINDOW: Final = timedelta(seconds=60)
"""Wrong answers are counted from the first one on for so long, and then from 0 again."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many wrong answers in a :data:`WINDOW` for each of ``whose``.

    Each of ``whose`` is written ``KIND:VALUE``; the log is told the kind alone.
    """

    most: int
    whose: tuple[str, ...] = ()

    def of(self, *more: str) -> Limit:
        """The same limit, for further ones too."""
        return Limit(self.most, (*self.whose, *more))


def check(connection: Connection, tenant: str, limit: Limit | None, now: datetime) -> None:
    """Refuse an answer, right or wrong, of somebody who has given too many wrong ones.

    Answers that are being judged at the same moment are not among those that are counted yet.

    Raises:
        TooManyAttempts: says until when, and not of what.
    """
    if limit is None or not limit.whose:
        return
    begun = ATTEMPT.c.since > micros(now - WINDOW), ATTEMPT.c.since <= micros(now)
    whose = (ATTEMPT.c.tenant == tenant, ATTEMPT.c.whose.in_(limit.whose), ATTEMPT.c.count >= limit.most)
    last = connection.execute(select(ATTEMPT.c.since).where(*whose, *begun).order_by(ATTEMPT.c.since.desc())).scalar()
    if last is not None:
        until = moment(last) + WINDOW
        raise TooManyAttempts(
            mend=f"Wait until {until:%H:%M:%S} UTC; nothing was changed.", details={"until": until.isoformat()}
        )


def count(transaction: Transaction, tenant: str, limit: Limit | None, subject: str, now: datetime) -> None:
    """Count a wrong answer, and put on record that somebody has reached the limit."""
    if limit is None or not limit.whose:
        return
    connection = transaction.connection
    # What is over is nobody's any more: the table holds those of one window, however many tokens are made up.
    over = (ATTEMPT.c.since <= micros(now - WINDOW)) | (ATTEMPT.c.since > micros(now))
    connection.execute(delete(ATTEMPT).where(ATTEMPT.c.tenant == tenant, over))
    reached = [whose for whose in limit.whose if _counted(connection, tenant, whose, now) == limit.most]
    for kind in _kinds(reached):
        payload = {"of": kind, "most": limit.most, "seconds": int(WINDOW.total_seconds())}
        transaction.record(Draft("approval.limited", tenant, now, subject=subject, payload=payload))


def _counted(connection: Connection, tenant: str, whose: str, now: datetime) -> int:
    place = (ATTEMPT.c.tenant == tenant, ATTEMPT.c.whose == whose)
    if connection.execute(update(ATTEMPT).where(*place).values(count=ATTEMPT.c.count + 1)).rowcount == 0:
        connection.execute(insert(ATTEMPT).values(tenant=tenant, whose=whose, since=micros(now), count=1))
        return 1
    return int(connection.execute(select(ATTEMPT.c.count).where(*place)).scalar_one())


def _kinds(whose: Iterable[str]) -> list[str]:
    return sorted({one.partition(":")[0] for one in whose})
