"""JSON of which every reader makes the same: no name twice, no NaN, no bottomless nesting."""

from __future__ import annotations

import json
from typing import NoReturn


def strict_json(text: str | bytes) -> object:
    """The value of ``text``.

    Raises:
        ValueError: it is no JSON, is not UTF-8, or says a name twice.
    """
    try:
        value: object = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
