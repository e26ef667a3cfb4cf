"""Migrations and models tell of one schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import govflow.store
from govflow.errors import StoreError
from govflow.store.schema import HEAD, VERSION_TABLE, revision_of
from govflow.store.sqlite import SqliteDatabase
from govflow.store.tables import METADATA


def test_the_newest_migration_is_the_one_that_opening_looks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(govflow.store.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_migrated_database_has_the_tables_of_the_models(template: Path) -> None:
    database = SqliteDatabase(template)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
    database.close()


def test_a_database_of_the_first_revision_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    script = Path(govflow.store.__file__).with_name("migrations")
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(script))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.commit()
    engine.dispose()
    with closing(sqlite3.connect(path)) as old:
        old.execute("INSERT INTO approved_plan VALUES ('acme', 'etl', 0, 'h', '{}', 'bob', 0, 1)")
        old.commit()
    database = SqliteDatabase(path)
    with database.reading() as connection:
        assert revision_of(connection) == HEAD
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
        assert connection.exec_driver_sql("SELECT flow FROM approved_plan").scalars().all() == ["etl"]
    database.close()


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "half.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE approved_plan (mine TEXT)")  # in the way of the migration's own
    with pytest.raises(StoreError, match="approved_plan"):
        SqliteDatabase(path)
    with closing(sqlite3.connect(path)) as other:
        assert [row[0] for row in other.execute("SELECT name FROM sqlite_master")] == ["approved_plan"]
