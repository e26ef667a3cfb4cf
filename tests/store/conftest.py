"""Stores to test with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from govflow.store import Store


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated database: migrating one for each test would cost more than the tests."""
    path = tmp_path_factory.mktemp("template") / "govflow.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def url(template: Path, tmp_path: Path) -> str:
    """The URL of a database of this test's own."""
    path = tmp_path / "govflow.db"
    path.write_bytes(template.read_bytes())
    path.chmod(0o600)
    return f"sqlite:///{path}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An open store on disk."""
    with Store.open(url) as opened:
        yield opened


@pytest.fixture
def raw(url: str) -> Iterator[sqlite3.Connection]:
    """The database as someone with a copy of sqlite3 sees it."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    yield connection
    connection.close()
