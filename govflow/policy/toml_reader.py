"""TOML as policy files use it. The same sections and fields as in YAML, and the same digest.

An attribute path is one key, so it stands in quotes: ``"step.records" = {gt = 100}``. Times may be written as TOML has
them, without quotes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, Final

from govflow.policy.places import Path, Places

_LINE: Final = re.compile(r" \(at line ([0-9]+), column [0-9]+\)$")


def read_toml(text: str, where: str) -> tuple[dict[str, Any], Places]:
    """The table that the text holds, and where each part of it stands.

    Raises:
        PolicyError: it is not TOML.
    """
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as broken:
        line = _LINE.search(str(broken))
        places = Places(where, {(): int(line[1])} if line else {})
        raise places.error((), f"not TOML: {_LINE.sub('', str(broken))}", "Mend the line.") from None
    except RecursionError:
        raise Places(where).error((), "nested too deep", "Flatten it.") from None
    if not value:
        raise Places(where).error((), "the file is empty", "Start it with 'version = 1'.")
    return _plain(value), Places(where, dict(_lines(text)))


def _plain(value: Any) -> Any:
    """The value with times as text, as they are in YAML."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime | date | time) else value


def _lines(text: str) -> Iterator[tuple[Path, int]]:
    """Where each value begins, for text that is TOML.

    A statement is the fewest lines that are TOML by themselves. A value that goes over several lines, and what is in
    it, has the line of its key.
    """
    table: Path = ()
    tables: dict[Path, int] = {}  # arrays of tables, and how many there are by now
    lines = iter(enumerate(text.replace("\r\n", "\n").split("\n"), start=1))
    for number, line in lines:
        statement = line
        while (found := _statement(statement)) is None:
            following = next(lines, None)
            if following is None:
                return
            statement += "\n" + following[1]
        if not line.lstrip().startswith("["):
            yield from ((path, number) for path in _paths(found, table))
            continue
        table, several = _header(found, tables)
        if several:
            tables[table] = tables.get(table, -1) + 1
            yield table, number
            table = (*table, tables[table])
        yield table, number


def _statement(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _header(found: dict[str, Any], tables: dict[Path, int]) -> tuple[Path, bool]:
    """The path of a header, and whether it begins one table more of several."""
    path: Path = ()
    value: Any = found
    while value:
        if path in tables:
            path = (*path, tables[path])
        key, value = next(iter(value.items()))
        path = (*path, key)
        if isinstance(value, list):
            return path, True
    return path, False


def _paths(value: Any, path: Path) -> Iterator[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _paths(item, (*path, key))
