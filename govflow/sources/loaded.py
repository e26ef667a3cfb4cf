"""Files of the modules that this process has loaded."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from govflow.sources.working import WorkingTree


class LoadedModules:
    """Reads, of the Python files of a folder, only those that loaded modules came from; any other is as if not there.

    Files that are no Python (a query beside the flow) are read as they are: nothing loads them.

    The answer is what the *file* says now. Whether the code in memory is still that file's is another question:
    compare code objects (:mod:`govflow.planning.code`).
    """

    def __init__(self, root: Path, modules: Mapping[str, ModuleType] | None = None) -> None:
        self._tree = WorkingTree(root)
        self.root = self._tree.root
        loaded = dict(sys.modules if modules is None else modules)
        files = (getattr(module, "__file__", None) for module in loaded.values())
        self._files = {Path(file).resolve() for file in files if isinstance(file, str)}

    def read(self, path: str) -> str | None:
        """Text of the file if a loaded module came from it, or if it is no Python.

        Raises:
            SourceError: the path leads out of the tree, or the file cannot be read or decoded.
        """
        text = self._tree.read(path)
        if text is None or not path.endswith(".py"):
            return text
        return text if (self.root / path).resolve() in self._files else None
