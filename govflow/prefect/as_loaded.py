"""The functions of a file as this process may have loaded them.

Python's own loader compiles what is written. pytest's compiles test modules, and plug-ins like this one, after it has
put more telling checks in place of their ``assert`` statements. Both are the source; nothing else is.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

from govflow.planning.code import compiled_functions, functions_in

_REWRITER: Final = "_pytest.assertion.rewrite"


def functions_as_loaded(path: str | Path) -> Mapping[str, tuple[CodeType, ...]]:
    """Every code object that a function of a file may have, by qualified name. The file is read, never run.

    Raises:
        OSError: it cannot be read.
        SyntaxError: it is not Python.
        ValueError: it is not UTF-8.
    """
    text = Path(path).read_text(encoding="utf-8")
    written = compiled_functions(text, str(path))
    loader = _rewriting_loader(str(path)) if "assert" in text else None
    if loader is None:
        return written
    rewritten = functions_in(_rewritten(text, str(path), loader))
    return {name: codes + rewritten.get(name, ()) for name, codes in written.items()}


def _rewriting_loader(path: str) -> Any:
    """The loader of pytest, if a module of this file was loaded by it."""
    rewriter = sys.modules.get(_REWRITER)
    if not isinstance(rewriter, ModuleType):
        return None
    for module in list(sys.modules.values()):
        loader = getattr(getattr(module, "__spec__", None), "loader", None)
        if isinstance(loader, rewriter.AssertionRewritingHook) and _is_same(getattr(module, "__file__", None), path):
            return loader
    return None


def _is_same(loaded: Any, path: str) -> bool:
    if not isinstance(loaded, str) or os.path.basename(loaded) != os.path.basename(path):
        return False  # the base name first: resolving every path takes longer than all the rest
    return os.path.realpath(loaded) == os.path.realpath(path)


def _rewritten(text: str, path: str, loader: Any) -> CodeType:
    tree = ast.parse(text, filename=path)
    sys.modules[_REWRITER].rewrite_asserts(tree, text.encode(), path, loader.config)
    return compile(tree, path, "exec", dont_inherit=True)
