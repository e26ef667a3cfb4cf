"""A PostgreSQL server to test with: GOVFLOW__POSTGRESQL, or the one of this machine that lets everyone in."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache

import psycopg
import pytest
from psycopg import sql

SERVER = os.environ.get("GOVFLOW__POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")
_numbers = itertools.count()


@cache
def _unreachable() -> str | None:
    try:
        psycopg.connect(f"{SERVER}/postgres", connect_timeout=30).close()
    except psycopg.Error as error:
        return str(error).strip()
    return None


def require_postgresql() -> None:
    """Skip the test that asks where no server answers."""
    if (why := _unreachable()) is not None:
        pytest.skip(f"needs PostgreSQL at {SERVER} (set GOVFLOW__POSTGRESQL to another): {why}")


@contextmanager
def a_database(template: str = "template0") -> Iterator[str]:
    """The name of a database of one's own, gone afterwards, whoever is still connected to it."""
    require_postgresql()
    name = f"govflow_test_{os.getpid()}_{next(_numbers)}"
    _run("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE {}", name, template)
    try:
        yield name
    finally:
        _run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def url_of(name: str) -> str:
    """The URL of a database, as a user writes it."""
    return f"{SERVER}/{name}"


def _run(statement: str, *names: str) -> None:
    with closing(psycopg.connect(f"{SERVER}/postgres", autocommit=True)) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
