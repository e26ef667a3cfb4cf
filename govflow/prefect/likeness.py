"""A callable object that is taken for the function it guards."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

_OF_FUNCTIONS: Final = frozenset({"__closure__", "__code__", "__defaults__", "__globals__", "__kwdefaults__"})
_BOUND: Final = ("__prefect_self__", "__prefect_cls__")  # Prefect binds methods by writing on the function


class FunctionLike:
    """Has the name, signature, annotations and code of ``fn``, for all who ask a function about itself."""

    fn: Callable[..., Any]

    def __init__(self, fn: Callable[..., Any]) -> None:
        functools.update_wrapper(self, fn)  # type: ignore[arg-type] # its subclasses are what is called
        self.fn = fn
        # Prefect asks for the signature at every call; the wrapped function's is looked up once.
        self.__signature__ = inspect.signature(fn)

    def __getattr__(self, name: str) -> Any:
        # Only called for what is not found otherwise; ``fn`` itself is missing while an object is being unpickled.
        if name in _OF_FUNCTIONS and "fn" in self.__dict__:
            return getattr(self.fn, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def label(self) -> str:
        """What to call it in a message: partials and callable objects have no name of their own."""
        return str(getattr(self.fn, "__qualname__", type(self.fn).__qualname__))

    def _bind_as(self, other: FunctionLike) -> None:
        """Be the method of the instance that ``other`` is a method of."""
        for name in _BOUND:
            if hasattr(other, name):
                setattr(self, name, getattr(other, name))

    @property
    def is_bound(self) -> bool:
        """Whether this is a method: its first argument is the instance or the class."""
        return any(name in self.__dict__ for name in _BOUND)
