"""Functions of outside code that give text or paths: ``os.path``, ``pathlib``, ``sqlalchemy.text``, ``dedent``."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Final

from govflow.planning.arguments import Arguments
from govflow.planning.effects.texts import UNKNOWN, folder_of, made, parts_of, path_of, whole
from govflow.planning.values import Deps, Text, Value


def _first(given: Arguments, deps: Deps) -> Value:
    value = given.first()
    return Text(deps, parts=parts_of(value), path=isinstance(value, Text) and value.path)


def _changed(change: Callable[[str], str]) -> Callable[[Arguments, Deps], Value]:
    def apply(given: Arguments, deps: Deps) -> Value:
        parts = parts_of(given.first())
        text = whole(parts)
        return made(parts if text is None else (change(text),), deps)

    return apply


def _dirname(given: Arguments, deps: Deps) -> Value:
    return Text(deps, parts=folder_of(parts_of(given.first())), path=True)


def _identifier(given: Arguments, deps: Deps) -> Value:
    pieces: list[str | None] = []
    for number, value in enumerate(given.positional):
        pieces.extend((*((".",) if number else ()), *parts_of(value)))
    return made(pieces, deps)


def _url(given: Arguments, deps: Deps) -> Value:
    if len(given.positional) < 2:
        return _first(given, deps)
    base, rest = parts_of(given.positional[0]), parts_of(given.positional[1])
    if rest and isinstance(rest[0], str) and "://" in rest[0]:
        return made(rest, deps)
    if base and isinstance(base[-1], str):
        base = (*base[:-1], base[-1].rstrip("/"))
    if rest and isinstance(rest[0], str):
        rest = (rest[0].lstrip("/"), *rest[1:])
    return made((*base, "/", *rest), deps)


FUNCTIONS: Final[dict[str, Callable[[Arguments, Deps], Value]]] = {
    **dict.fromkeys(
        ("pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath", "anyio.Path"),
        lambda given, deps: path_of(given.positional, deps) if given.positional else made(UNKNOWN, deps, path=True),
    ),
    **dict.fromkeys(
        ("os.path.join", "posixpath.join"),
        lambda given, deps: path_of([*given.positional, *given.rest], deps),
    ),
    **dict.fromkeys(("os.path.dirname", "posixpath.dirname"), _dirname),
    **dict.fromkeys(
        (
            "builtins.str",
            "os.fspath",
            "os.path.abspath",
            "os.path.realpath",
            "os.path.expanduser",
            "os.path.normpath",
            "shlex.split",  # a program's words, which are read as the line that they were
            "sqlalchemy.text",
            "sqlalchemy.sql.text",
            "sqlalchemy.sql.expression.text",
            "sqlalchemy.DDL",
            "psycopg.sql.SQL",
            "psycopg2.sql.SQL",
        ),
        _first,
    ),
    **dict.fromkeys(("psycopg.sql.Identifier", "psycopg2.sql.Identifier"), _identifier),
    "textwrap.dedent": _changed(textwrap.dedent),
    "inspect.cleandoc": _changed(inspect.cleandoc),
    "urllib.parse.urljoin": _url,
}
"""Dotted name to what it gives of its arguments."""
