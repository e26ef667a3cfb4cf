"""Appending to a log of PostgreSQL in one statement that commits by itself: one round trip instead of five.

It takes the lock of all writers if that is free, and moves the log's head if that is where the writer left it. A writer
who has committed since the statement's snapshot was taken has moved the row of the head: READ COMMITTED then looks at
the newest version of it, which does not fit. Only where the head was moved are rows added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import psycopg

from govflow.store.placing import COLUMNS, VALUE_COLUMNS, End
from govflow.store.postgres_arrays import arrays


def append(
    raw: psycopg.Connection[Any],
    lock: int,
    tenant: str,
    ends: tuple[End, End],
    records: Sequence[Sequence[Any]],
    values: Sequence[Sequence[Any]],
) -> bool:
    """Append rows to a log that ends at the first of ``ends``, so that it ends at the second; whether it was done.

    Args:
        raw: of no transaction.
        lock: the advisory lock of all writers.
        tenant: whose log.
        ends: before and after.
        records: rows of :data:`govflow.store.placing.COLUMNS`.
        values: rows of :data:`govflow.store.placing.VALUE_COLUMNS`.
    """
    before, after = ends
    parameters = [lock, *after, tenant, *before]
    if values:
        parameters += arrays(VALUE_COLUMNS, values)
    done = raw.execute(_statement(bool(values)), [*parameters, *arrays(COLUMNS, records)], prepare=True)
    return done.rowcount == len(records)


@cache
def _statement(values: bool) -> str:
    side = f", side AS ({_insert('audit_value', VALUE_COLUMNS)})" if values else ""
    return f"""
WITH free AS MATERIALIZED (
  SELECT pg_try_advisory_xact_lock(%b::bigint) AS mine,
    CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) ELSE '' END
    AS durable
), moved AS (
  UPDATE audit_head SET size = %b::bigint, hash = %b::bytea, peaks = %b::bytea FROM free
  WHERE free.mine AND free.durable IS NOT NULL
    AND tenant = %b::text AND size = %b::bigint AND hash = %b::bytea AND peaks = %b::bytea
  RETURNING true AS yes
){side}
{_insert("audit_record", COLUMNS)}"""


def _insert(table: str, columns: Mapping[str, str]) -> str:
    given = ", ".join(f"%b::{kind}[]" for kind in columns.values())
    names = ", ".join(columns)
    return f"INSERT INTO {table} ({names}) SELECT given.* FROM moved, unnest({given}) AS given ({names})"
