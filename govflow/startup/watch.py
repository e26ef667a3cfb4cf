"""Notice when this process has imported Prefect, and govern it then: not before, and not halfway.

Standard library only, and loaded by its file name too: it runs in Pythons in which govflow may not be installed.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from importlib.machinery import ModuleSpec
from typing import Any

ENGINE = "prefect"
MAKERS = ("prefect.tasks", "prefect.flows", "prefect.task_engine", "prefect.flow_engine")
"""Once one of these is imported, somebody may make a flow or run one."""


class Watch:
    """A finder that finds nothing itself: it counts the imports of Prefect's modules that are under way."""

    def __init__(self) -> None:
        self._here = threading.local()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """What the other finders say, with an ear at the end of the import."""
        if name != ENGINE and not name.startswith(ENGINE + "."):
            return None
        for finder in sys.meta_path:
            found = None if finder is self else finder.find_spec(name, path, target)
            if found is not None:
                self._listen(found.loader)
                return found
        return None

    def _listen(self, loader: Any) -> None:
        original = getattr(loader, "exec_module", None)
        if original is None:
            return

        def exec_module(module: Any) -> None:
            self._here.depth = getattr(self._here, "depth", 0) + 1
            try:
                original(module)
            finally:
                self._here.depth -= 1
                del loader.exec_module
            if not self._here.depth and self in sys.meta_path and ready():
                self._over()

        try:
            loader.exec_module = exec_module
        except AttributeError:  # a loader that takes no attributes: the next module will tell
            return

    def _over(self) -> None:
        sys.meta_path.remove(self)
        govern()


def watch() -> None:
    """Govern this process as soon as Prefect is imported; now, if it is."""
    if any(type(finder).__name__ == Watch.__name__ for finder in sys.meta_path):
        return
    if ready():
        govern()
    else:
        sys.meta_path.insert(0, Watch())


def ready() -> bool:
    """Whether flows can be made in this process."""
    return any(name in sys.modules for name in MAKERS)


def govern() -> None:
    """Instrument Prefect. Where that cannot be done, observe mode says so, and enforce mode ends the imports.

    Raises:
        ImportError: the mode is enforce, and nothing would watch what runs.
    """
    try:
        importlib.import_module("govflow.prefect").instrument()
    except Exception as error:
        words = str(error) or type(error).__name__
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "govflow":
            words = f"govflow is not installed for {sys.executable}. Install it there: pip install 'govflow[prefect]'"
        if _observing():
            sys.stderr.write(f"govflow: flows of this process are not observed: {words}\n")
            return
        for name in (*MAKERS, f"{ENGINE}.main"):
            sys.modules[name] = None  # type: ignore[assignment] # as documented: every import of it fails
        raise ImportError(f"govflow: no flow may run in this process (enforce mode): {words}") from error


def _observing() -> bool:
    """Whether nothing is to be stopped; what nobody said is not yes."""
    said = os.environ.get("GOVFLOW_MODE", "").strip().lower()
    if said in ("observe", "enforce"):
        return said == "observe"
    try:
        return bool(importlib.import_module("govflow.settings").stated_mode() == "observe")
    except Exception:  # noqa: BLE001 - settings that cannot be read are no leave to run unseen
        return False
