"""Python imports this at its start when this folder stands on PYTHONPATH: that is how child processes are governed.

It starts the watch of the folder above, then runs the ``sitecustomize`` that it stands in front of, if there is one.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType
from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))


def _run(name: str, file: str) -> ModuleType:
    spec: Any = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _behind() -> str | None:
    for folder in sys.path:
        file = os.path.join(folder or os.curdir, "sitecustomize.py")
        if os.path.isfile(file) and os.path.abspath(os.path.dirname(file)) != _HERE:
            return file
    return None


_run("govflow_startup_watch", os.path.join(os.path.dirname(_HERE), "watch.py")).watch()
_file = _behind()
if _file is not None:
    _run("sitecustomize", _file)
