"""Calls that nothing is known of: which are worth telling, and how they are told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

_MOST: Final = 8
_LOGGING: Final = frozenset(
    {"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "getChild", "bind"}
)
_OF_PLAIN_VALUES: Final = frozenset(
    name
    for kind in (
        str,
        bytes,
        list,
        tuple,
        dict,
        set,
        frozenset,
        int,
        float,
        complex,
        date,
        datetime,
        timedelta,
        Exception,
    )
    for name in dir(kind)
)
# What files, matches, arrays, locks and groups of tasks have.
_OF_HANDLES: Final = frozenset(
    {"close", "flush", "seek", "tell", "read", "readline", "readlines", "group", "groups", "groupdict", "match"}
    | {"search", "fullmatch", "finditer", "tolist", "tobytes", "item", "create_task", "acquire", "release", "locked"}
    | {"exists", "is_file", "is_dir", "readable", "writable", "fileno", "start", "is_alive", "cancel", "cancelled"}
)
# What futures, states and results of Prefect have: waiting and looking change nothing.
_OF_FUTURES: Final = frozenset(
    {"result", "wait", "done", "is_completed", "is_failed", "is_running", "is_final", "is_pending", "is_crashed"}
    | {"is_cancelled", "is_scheduled", "get_state_details", "isoformat", "total_seconds", "model_dump", "model_copy"}
    | {"model_dump_json", "model_validate", "dict", "json"}
)
# What lists and dicts have, and clients of services too: of an object that outside code made it may be anything.
_OF_BOTH: Final = frozenset({"remove", "update", "clear", "insert", "replace", "pop"})
HARMLESS_METHODS: Final = _LOGGING | _OF_PLAIN_VALUES | _OF_HANDLES | _OF_FUTURES
_QUIET_ENDS: Final = ("Error", "Exception", "Warning", "Interrupt", "Exit")
_ENGINE: Final = ("prefect.", "govflow.")


def is_harmless_method(name: str, *, outside: bool = False) -> bool:
    """Whether a method of that name, on something unknown, is taken to be one of a plain value.

    Args:
        name: of the method.
        outside: it is known that outside code made the object.
    """
    if outside and name in _OF_BOTH:
        return False
    return name in HARMLESS_METHODS or (name.startswith("__") and name.endswith("__"))


def is_quiet_function(dotted: str) -> bool:
    """Whether an unknown function needs no mention: an error that is made, a part of Prefect."""
    return dotted.endswith(_QUIET_ENDS) or dotted.startswith(_ENGINE)


def told(names: Iterable[str]) -> tuple[str, ...]:
    """Unknown calls for people: sorted, and where there are many, by the package that they are of."""
    found = sorted(set(names))
    if len(found) <= _MOST:
        return tuple(found)
    groups: dict[str, list[str]] = {}
    for name in found:
        groups.setdefault(_root(name), []).append(name)
    shown = sorted(names[0] if len(names) == 1 else f"{root}.*" for root, names in groups.items())
    if len(shown) > _MOST:
        shown = [*shown[: _MOST - 1], f"and {len(shown) - _MOST + 1} more"]
    return tuple(shown)


def _root(name: str) -> str:
    return f". of {name.partition(' of ')[2]}" if name.startswith(".") else name.partition(".")[0].partition("(")[0]
