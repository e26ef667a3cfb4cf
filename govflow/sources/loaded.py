"""Files of the modules that this process has loaded."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from govflow.sources.working import WorkingTree


class LoadedModules:
    """Reads, of a folder, only files that loaded modules came from; everything else is as if it were not there.

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
        """Text of the file if a loaded module came from it.

        Raises:
            SourceError: the path leads out of the tree, or the file cannot be read or decoded.
        """
        text = self._tree.read(path)
        return text if text is not None and (self.root / path).resolve() in self._files else None
