"""A callable object that is taken for the function it guards."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

_BOUND: Final = ("__prefect_self__", "__prefect_cls__")  # Prefect binds methods by writing on the function


def _of_function(name: str) -> property:
    return property(lambda self: getattr(self.fn, name))


class FunctionLike:
    """Has the name, signature, annotations and code of ``fn``, for all who ask a function about itself."""

    fn: Callable[..., Any]
    zero_code = False  # whether it was put around a function that never heard of govflow

    def __init__(self, fn: Callable[..., Any]) -> None:
        functools.update_wrapper(self, fn)  # type: ignore[arg-type] # its subclasses are what is called
        self.fn = fn
        # Prefect asks for the signature at every call; the wrapped function's is looked up once.
        with suppress(ValueError, TypeError):  # some callables that are written in C have none
            self.__signature__ = inspect.signature(fn)

    # No ``__getattr__``: the engine asks at each call for what is missing.
    __closure__ = _of_function("__closure__")
    __code__ = _of_function("__code__")
    __defaults__ = _of_function("__defaults__")
    __globals__ = _of_function("__globals__")
    __kwdefaults__ = _of_function("__kwdefaults__")

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.zero_code:
            # It comes from a process in which bare flows are governed; what this one calls here is governed here.
            from govflow.prefect.instrumentation import instrument

            instrument()

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
