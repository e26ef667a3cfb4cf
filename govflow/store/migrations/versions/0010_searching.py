"""Looking for records by rule, subject and time: a column for the rule, and indexes.

The rule of records that are there already is read from their bodies. The trigger that refuses UPDATE is away while that
is written; the hashed bytes are not touched.
"""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BY_BYTES = sa.String().with_variant(sa.Text(collation="C"), "postgresql")
_PAGE = 5_000
_TABLE = "audit_record"
_GUARD = "audit_record_no_update"
_LARGE = {  # https://sqlite.org/fileformat2.html#stat1tab: rows, then rows to one value of the first 1, 2, … columns
    "audit_record": "1000000 500000 1",
    "sqlite_autoindex_audit_record_2": "1000000 1000 1",
    "ix_audit_record_run": "1000000 50 50 1",
    "ix_audit_record_event": "1000000 50000 50000 1",
    "ix_audit_record_rule": "1000000 20000 20000 1",
    "ix_audit_record_subject": "1000000 20000 20000 1",
    "ix_audit_record_at": "1000000 500000 2 1",
}


def upgrade() -> None:
    """Add the column, fill it, then make the indexes: at once over all records is faster than one by one."""
    op.add_column(_TABLE, sa.Column("rule", _BY_BYTES, nullable=True))
    _fill(op.get_bind())
    with_rule = sa.text("rule IS NOT NULL")
    op.create_index("ix_audit_record_rule", _TABLE, ["rule", "tenant", "seq"], sqlite_where=with_rule)
    op.create_index("ix_audit_record_subject", _TABLE, ["subject", "tenant", "seq"])
    op.create_index("ix_audit_record_at", _TABLE, ["tenant", "at", "seq"])
    if op.get_bind().dialect.name == "sqlite":
        _tell_the_planner(op.get_bind())


def _tell_the_planner(connection: sa.Connection) -> None:
    """What a large log looks like. Without it SQLite reads a whole log where an index leads to a few records of it.

    ANALYZE would write the same of a log that is large already; it may be run at any time, and then holds.
    """
    connection.exec_driver_sql("ANALYZE sqlite_schema")  # makes the table of statistics
    told = sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)")
    connection.execute(told, [{"tbl": _TABLE, "idx": index, "stat": stat} for index, stat in _LARGE.items()])


def _fill(connection: sa.Connection) -> None:
    if connection.execute(sa.text(f"SELECT 1 FROM {_TABLE} LIMIT 1")).first() is None:
        return
    if connection.dialect.name == "sqlite":
        guard = connection.execute(sa.text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": _GUARD})
        written = str(guard.scalar_one())
        connection.exec_driver_sql(f"DROP TRIGGER {_GUARD}")
        _write(connection)
        connection.exec_driver_sql(written)
    else:
        connection.exec_driver_sql(f"ALTER TABLE {_TABLE} DISABLE TRIGGER audit_record_no_change")
        _write(connection)
        connection.exec_driver_sql(f"ALTER TABLE {_TABLE} ENABLE TRIGGER audit_record_no_change")


def _write(connection: sa.Connection) -> None:
    update = sa.text(f"UPDATE {_TABLE} SET rule = :rule WHERE tenant = :tenant AND seq = :seq")
    for page in _pages(connection):
        found = [{"tenant": tenant, "seq": seq, "rule": rule} for tenant, seq, body in page if (rule := _rule(body))]
        if found:
            connection.execute(update, found)


def _pages(connection: sa.Connection) -> Iterator[list[Any]]:
    page = sa.text(
        f"SELECT tenant, seq, body FROM {_TABLE} WHERE tenant = :tenant AND seq > :seq ORDER BY seq LIMIT {_PAGE}"
    )
    for (tenant,) in connection.execute(sa.text(f"SELECT DISTINCT tenant FROM {_TABLE}")).all():
        last = -1
        while rows := list(connection.execute(page, {"tenant": tenant, "seq": last}).all()):
            yield rows
            last = rows[-1][1]


def _rule(body: bytes) -> str | None:
    """What a record of this moment's format says; one that somebody changed may be anything."""
    try:
        rule = json.loads(bytes(body))["payload"]["rule"]
    except (ValueError, KeyError, TypeError):
        return None
    return rule if isinstance(rule, str) and "\0" not in rule else None
