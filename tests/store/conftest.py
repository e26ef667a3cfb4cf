"""Stores to test with: each test that asks for one runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from govflow.store import Store
from govflow.store.location import spool_folder
from tests.servers import a_database, require_postgresql, url_of
from tests.store.seen_raw import Raw, raw_postgresql, raw_sqlite


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated database: migrating one for each test would cost more than the tests."""
    path = tmp_path_factory.mktemp("template") / "govflow.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def server_template() -> Iterator[str]:
    """The name of such a database on the server."""
    with a_database() as name:
        Store.open(url_of(name), direct=True).close()
        yield name


@pytest.fixture
def sqlite_url(template: Path, tmp_path: Path) -> str:
    """The URL of a file of this test's own: for what only a file has."""
    path = tmp_path / "govflow.db"
    path.write_bytes(template.read_bytes())
    path.chmod(0o600)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a database on the server of this test's own: for what only a server has."""
    require_postgresql()
    monkeypatch.setenv("HOME", str(tmp_path))  # spools lie there
    with a_database(request.getfixturevalue("server_template")) as name:
        yield url_of(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a database of this test's own."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def spools(url: str) -> Path:
    """The folder in which records wait for that database."""
    return spool_folder(url)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An open store."""
    with Store.open(url) as opened:
        yield opened


@pytest.fixture
def raw(url: str) -> Iterator[Raw]:
    """The database as someone with a client of its own sees it."""
    with raw_sqlite(url) if url.startswith("sqlite") else raw_postgresql(url) as connection:
        yield connection
