"""Where a database is, by its URL."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from govflow.errors import StoreError
from govflow.store.engine import Database

_FORMS: Final = "Write it as sqlite:////absolute/path/govflow.db or postgresql://user@host/name."


def open_database(url: str) -> Database:
    """The database, created and migrated if need be.

    Raises:
        StoreError: the URL is none of ours, or the database cannot be opened.
        SchemaNewer: a newer govflow wrote it.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "postgresql":
        from govflow.store.postgres import PostgresDatabase  # psycopg is an extra

        return PostgresDatabase(parsed)
    from govflow.store.sqlite import SqliteDatabase

    return SqliteDatabase(_file(parsed))


def is_there(url: str) -> bool:
    """Whether there is a database of govflow, which looking does not make.

    A file that is there counts, whatever it holds. On a server the tables must be in the schema of the user.

    Raises:
        StoreError: the URL is none of ours, or the server cannot be asked.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "postgresql":
        from govflow.store.postgres import has_tables  # psycopg is an extra

        return has_tables(parsed)
    return _file(parsed).exists()


def beside_database(url: str, suffix: str) -> Path:
    """A path on this machine for what belongs to a database: spools (``.spool``), who signs for it (``.signer``).

    Beside a SQLite file; for a server in ``~/.govflow``, a name for each database. Password and user are no part of it.

    Raises:
        StoreError: the URL is none of ours.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "postgresql":
        parts = (parsed.host or "", str(parsed.port or 5432), parsed.database or "", _search_path(parsed))
        name = sha256("\n".join(parts).encode()).hexdigest()[:16]
        return Path.home() / ".govflow" / f"postgresql-{name}{suffix}"
    path = _file(parsed)
    return path.with_name(path.name + suffix)


def spool_folder(url: str) -> Path:
    """The folder in which records wait for a database; errors as of :func:`beside_database`."""
    return beside_database(url, ".spool")


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("The database URL cannot be read.", mend=_FORMS) from None
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise StoreError(f"govflow keeps nothing in {parsed.get_backend_name()} databases.", mend=_FORMS)
    return parsed


def _file(parsed: URL) -> Path:
    if parsed.get_backend_name() != "sqlite":
        raise StoreError("A database on a server is no file.", mend="Name a file: sqlite:////absolute/path/govflow.db.")
    if not parsed.database or parsed.database == ":memory:":
        raise StoreError(
            "The database URL names no file.",
            mend="Write it as sqlite:////absolute/path/govflow.db; for a store in memory use Store.memory().",
        )
    return Path(parsed.database).expanduser().absolute()


def _search_path(parsed: URL) -> str:
    options = parsed.query.get("options", "")
    return options if isinstance(options, str) else " ".join(options)
