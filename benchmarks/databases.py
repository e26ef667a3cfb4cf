"""New databases for a benchmark, taken away at its end."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

_SERVER = "postgresql://postgres@127.0.0.1:5432"


@contextmanager
def sqlite() -> Iterator[str]:
    """The URL of a file."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/govflow.db"


@contextmanager
def postgresql() -> Iterator[str | None]:
    """The URL of a database of the server at GOVFLOW__POSTGRESQL; None where none answers there."""
    import psycopg

    server = os.environ.get("GOVFLOW__POSTGRESQL", _SERVER)
    name = f"govflow_bench_{uuid4().hex[:12]}"
    try:
        owner = psycopg.connect(f"{server}/postgres", autocommit=True)
    except psycopg.OperationalError as error:
        print(f"no PostgreSQL at {server}: {error}", file=sys.stderr)
        yield None
        return
    with owner:
        owner.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        try:
            yield f"{server}/{name}"
        finally:
            owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
