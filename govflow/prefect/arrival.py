"""How guarded objects are unpickled: with a message that says what to install where govflow is missing.

What govflow guards is pickled by reference, so that a process without govflow cannot run it. Its error alone would be
"No module named 'govflow'". ``arrive`` is pickled by value (by cloudpickle, which task runners use) and names the mend.
"""

from __future__ import annotations

import copyreg
import sys
from typing import Any

import cloudpickle

from govflow import __version__


def arrive(module: str, kind: str, version: str) -> Any:
    """An empty object of one of govflow's classes; its state follows. Uses nothing of its own module: it travels."""
    from importlib import import_module

    try:
        found = getattr(import_module(module), kind)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "govflow":
            raise
        raise ModuleNotFoundError(
            "This task is governed by govflow, which is not installed in this process: it does not run here. Install"
            f" it wherever tasks run: pip install 'govflow[prefect]=={version}'",
            name="govflow",
        ) from None
    return object.__new__(found)


def arrives(*kinds: type[Any]) -> None:
    """Let objects of these classes pickle as a call of :func:`arrive`. They hold all that they are in ``__dict__``.

    Not their subclasses: a class of somebody else's travels as it did.
    """
    for kind in kinds:
        copyreg.pickle(kind, _reduced)


def _reduced(guarded: Any) -> tuple[Any, ...]:
    kind = type(guarded)
    # Each time: Prefect registers modules for a bundle, and takes them off the list afterwards.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    return arrive, (kind.__module__, kind.__qualname__, __version__), guarded.__getstate__()
