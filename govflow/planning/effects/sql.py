"""SQL: what each statement does, to which tables, and whether it says which rows.

Holes of the text become names that stand for themselves, so that ``f"DELETE FROM {table} WHERE id = {x}"`` parses. No
literal of a statement comes through: a deed holds verbs and tables.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, NamedTuple

from govflow.planning.effects.catalogue import UNKNOWN
from govflow.planning.effects.deeds import Deed
from govflow.planning.effects.sql_words import (
    AT_RUN_TIME,
    REMOVES,
    Statement,
    as_run,
    by_first_words,
    exported,
    first_word,
    is_about_users,
    with_hidden,
    without_outfile,
)
from govflow.planning.effects.sql_words import HOLE as _HOLE
from govflow.planning.effects.sql_words import NOTHING as _NOTHING
from govflow.planning.effects.sql_words import VERBS as _VERBS
from govflow.planning.effects.texts import Parts

_LONGEST: Final = 100_000  # characters that are parsed; beyond, the leading verb tells
_PYFORMAT: Final = re.compile(r"%(?:\(\w+\))?s")
_TEMPLATE: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_BLOCK: Final = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_UNPARSED: Final = frozenset(_VERBS) - frozenset(
    {"select", "with", "values", "insert", "update", "delete", "merge", "create", "alter", "drop", "truncate", "grant"}
    | {"revoke", "copy", "export", "comment", "replace"}
)
_DIALECTS: Final = {"mssql": "tsql", "postgresql": "postgres", "sqlserver": "tsql", "mariadb": "mysql"}


_KNOWN: Final = frozenset(_VERBS) | _NOTHING | {"if", "while", "print", "kill"}


class Reading(NamedTuple):
    """What a text of SQL does, and why it was not parsed, if it was not."""

    statements: tuple[Statement, ...]
    trouble: str


def read_sql(parts: Parts, provider: str, dialect: str, unknown: str = "data:write") -> tuple[list[Deed], str]:
    """Effects of a text of SQL, and the trouble there was with it, ``""`` for none.

    Args:
        parts: of the text.
        provider: the database.
        dialect: in sqlglot's words, ``""`` if it is not known.
        unknown: the action of a statement of which not even the verb is known: it may write.
    """
    if parts and all(part is None for part in parts):
        return [Deed(unknown, provider, f"dataset://{UNKNOWN}", detail=AT_RUN_TIME)], ""
    reading = _read("".join(_HOLE if part is None else part for part in parts), _DIALECTS.get(dialect, dialect))
    found = [
        Deed(item.action or unknown, provider, f"dataset://{item.table}", item.unbounded, f"{item.verb} {item.table}")
        for item in reading.statements
    ]
    return found, reading.trouble


@lru_cache(maxsize=4096)
def _read(text: str, dialect: str) -> Reading:
    templated = _TEMPLATE.sub(_HOLE, text)
    if _BLOCK.search(templated):
        return Reading(by_first_words(_BLOCK.sub(" ", templated)), "it is a template with statements of its own")
    text = _PYFORMAT.sub("NULL", templated).replace("%%", "%")
    text, goes_out = without_outfile(as_run(text))
    if goes_out:
        return Reading(tuple(exported(item) for item in _read(text, dialect).statements), "")
    if REMOVES.match(text):
        return Reading((Statement("file:delete", UNKNOWN, unbounded=False, verb="REMOVE"),), "")
    if len(text) > _LONGEST:
        return Reading(with_hidden(by_first_words(text), text), "it is too long to be parsed")
    first = first_word(text)
    if first not in _KNOWN and first != _HOLE.partition("_")[0]:
        return Reading(by_first_words(text), "it does not start with a word of SQL" if first else "")
    if (first in _UNPARSED or first in _NOTHING or is_about_users(text)) and ";" not in text.rstrip("; \n\t"):
        return Reading(by_first_words(text), "")
    trouble = ""
    for candidate in dict.fromkeys((dialect, "")):
        try:
            trees = _parse(text, candidate)
        except _Unparsed as error:
            trouble = trouble or str(error)
            continue
        from govflow.planning.effects.sql_trees import statements_of

        return Reading(statements_of(trees, text, candidate), "")
    return Reading(with_hidden(by_first_words(text), text), trouble or "it cannot be parsed")


class _Unparsed(Exception):
    """The text is not SQL of that dialect."""


def _parse(text: str, dialect: str) -> list[Any]:
    from sqlglot.errors import SqlglotError

    try:
        with _silent():
            return list(_dialect(dialect).parse(text))
    except SqlglotError as error:
        first = (getattr(error, "errors", None) or [{}])[0]
        line = first.get("line")
        raise _Unparsed(f"line {line} of the SQL cannot be parsed" if line else "it cannot be parsed") from error
    except (ValueError, RecursionError, KeyError, AttributeError, TypeError, IndexError) as error:
        raise _Unparsed("it cannot be parsed") from error


@lru_cache(maxsize=64)
def _dialect(name: str) -> Any:
    """What sqlglot knows of a dialect: to make it anew for each text is a tenth of the parsing."""
    from sqlglot.dialects.dialect import Dialect

    return Dialect.get_or_raise(name or None)


@contextmanager
def _silent() -> Iterator[None]:
    """Sqlglot warns of every statement that it takes as a whole, on the log of the process that plans."""
    logger = logging.getLogger("sqlglot")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
