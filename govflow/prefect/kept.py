"""What govflow keeps with a task or flow, and how it copies one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final, TypeVar

from prefect.flows import Flow
from prefect.tasks import Task

_KEPT: Final = "_govflow_kept"
_BOUND: Final = ("__prefect_self__", "__prefect_cls__")  # Prefect binds methods by writing on the function
_PLAIN: Final[dict[type[Any], bool]] = {}
_Made = TypeVar("_Made", Task[..., Any], Flow[..., Any])


class Kept:
    """The guards of one function, for the task or flow that holds it and its copies.

    Pickles as an empty dictionary: a task travels without them, also to where govflow is not installed.
    """

    __slots__ = ("at", "body", "fn", "hooks")

    def __init__(self, fn: Callable[..., Any], body: Any) -> None:
        self.fn = fn
        self.body = body
        self.at: dict[Any, Any] = {}  # what tells a call site apart → its body
        self.hooks: dict[int, Any] = {}  # id of a hook → its guard, which holds it

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return dict, ()


def kept(made: Any, guard: type[Any], guarded: Callable[[Callable[..., Any]], Any]) -> Kept:
    """The guards that were made for the function that ``made`` holds now; new ones if it is another than it was."""
    fn = made.fn
    found = made.__dict__.get(_KEPT)
    if type(found) is not Kept or found.fn is not fn or (found.body is not fn and is_bound(fn)):
        found = Kept(fn, fn if isinstance(fn, guard) else guarded(fn))
        made.__dict__[_KEPT] = found
    return found


def is_bound(fn: Any) -> bool:
    """Whether Prefect has made ``fn`` the method of an instance or class: then it is another one at each access."""
    held = getattr(fn, "__dict__", ())
    return _BOUND[0] in held or _BOUND[1] in held


def twin(made: _Made) -> _Made:
    """A shallow copy. ``copy.copy`` takes seven times as long, and a task is copied at each call."""
    kind: type[_Made] = type(made)
    plain = _PLAIN.get(kind)
    if plain is None:
        plain = _PLAIN.setdefault(kind, _is_plain(kind))
    if not plain:
        return copy.copy(made)
    other = object.__new__(kind)
    other.__dict__ = made.__dict__.copy()
    return other


def _is_plain(kind: type[Any]) -> bool:
    """Whether all that an object of this class holds stands in its ``__dict__``."""
    own = ("__copy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__")
    return not any(
        vars(parent).get("__slots__") or any(name in vars(parent) for name in own) for parent in kind.__mro__[:-1]
    )
