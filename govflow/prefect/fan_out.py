"""How many task runs a map makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from prefect.futures import PrefectFuture
from prefect.utilities.annotations import unmapped

_NOT_MAPPED: Final = ("wait_for", "return_state", "deferred")


def sized(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any], int | None]:
    """The arguments of a map with iterators made lists, and the number of elements; None when nothing tells it.

    A map waits for the futures that it is given before it makes its first task run, so waiting for them here changes
    nothing but the moment.
    """
    listed = tuple(_listed(value) for value in args)
    named = {name: value if name in _NOT_MAPPED else _listed(value) for name, value in kwargs.items()}
    mapped = (*listed, *(value for name, value in named.items() if name not in _NOT_MAPPED))
    sizes = [size for value in mapped if (size := _size(value)) is not None]
    return listed, named, max(sizes, default=None)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, Iterator) else value


def _size(value: Any) -> int | None:
    if isinstance(value, PrefectFuture):
        try:
            value = value.result(raise_on_failure=False)
        except Exception:  # noqa: BLE001 - the map itself will say so
            return None
    if isinstance(value, (unmapped, str, bytes, Mapping)):
        return None
    try:
        return len(value)
    except TypeError:
        return None
