"""Migrations and models tell of one schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import govflow.store
from govflow.errors import StoreError
from govflow.store.engine import Database
from govflow.store.schema import HEAD, VERSION_TABLE
from govflow.store.tables import METADATA


def test_the_newest_migration_is_the_one_that_opening_looks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(govflow.store.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_migrated_database_has_the_tables_of_the_models(template: Path) -> None:
    database = Database(template)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
    database.close()


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "half.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE approved_plan (mine TEXT)")  # in the way of the migration's own
    with pytest.raises(StoreError, match="approved_plan"):
        Database(path)
    with closing(sqlite3.connect(path)) as other:
        assert [row[0] for row in other.execute("SELECT name FROM sqlite_master")] == ["approved_plan"]
