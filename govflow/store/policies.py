"""Which policy and settings runs are governed by, as the log has it: the last change says what holds since then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from govflow.audit.body import parse_body
from govflow.audit.record import Draft
from govflow.store.engine import Database
from govflow.store.statements import run
from govflow.store.writer import Writer

LOADED: Final = "policy.loaded"
CHANGED: Final = "policy.changed"
SETTINGS: Final = "settings.changed"
# One look into the index for each event: the log may be long.
_LAST: Final = "SELECT seq, body FROM audit_record WHERE tenant=? AND event=? ORDER BY seq DESC LIMIT 1"


class Policies:
    """Changes of policy in the logs of one database."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def last(self, tenant: str) -> Mapping[str, Any] | None:
        """The payload of the last record of a policy; None where there is none."""
        with self._db.reading() as connection:
            return _last(connection, tenant)

    def note(self, tenant: str, digest: str, drafted: Callable[[Mapping[str, Any] | None], Draft]) -> bool:
        """Put a policy on record, if it is not the one that is there already.

        Read and written in one transaction: of several processes that see a change at once, one records it.

        Args:
            tenant: whose runs it decides.
            digest: of the policy.
            drafted: makes the record, whose payload has ``digest``, from the payload of the last one.

        Returns:
            Whether there was a change.
        """
        if _is(self.last(tenant), digest):
            return False
        with self._writer.transaction() as transaction:
            last = _last(transaction.connection, tenant)
            if _is(last, digest):
                return False
            transaction.record(drafted(last))
        return True

    def note_settings(
        self,
        tenant: str,
        settings: Mapping[str, Any],
        drafted: Callable[[Mapping[str, Any] | None], Draft],
    ) -> bool:
        """Put the settings that govern runs on record, likewise, if they are not those that are there already.

        Args:
            tenant: whose runs they govern.
            settings: as JSON values.
            drafted: makes the record, whose payload has ``settings``, from those of the last one.

        Returns:
            Whether there was a change.
        """
        with self._db.reading() as connection:
            if _settings(connection, tenant) == settings:
                return False
        with self._writer.transaction() as transaction:
            last = _settings(transaction.connection, tenant)
            if last == settings:
                return False
            transaction.record(drafted(last))
        return True


def _is(payload: Mapping[str, Any] | None, digest: str) -> bool:
    return payload is not None and payload.get("digest") == digest


def _last(connection: Connection, tenant: str) -> Mapping[str, Any] | None:
    return next(_newest_first(connection, tenant, LOADED, CHANGED), None)


def _settings(connection: Connection, tenant: str) -> Mapping[str, Any] | None:
    payloads = _newest_first(connection, tenant, LOADED, CHANGED, SETTINGS)
    return next((payload["settings"] for payload in payloads if "settings" in payload), None)


def _newest_first(connection: Connection, tenant: str, *events: str) -> Iterator[Mapping[str, Any]]:
    """The payload of the last record with each of these events."""
    rows = [run(connection, _LAST, (tenant, event)).fetchone() for event in events]
    for row in sorted((row for row in rows if row is not None), key=lambda row: -int(row[0])):
        payload: Mapping[str, Any] = parse_body(bytes(row[1]))["payload"]
        yield payload
