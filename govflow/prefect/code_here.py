"""A plan that another process read, bound to the code of this one.

Every planned function is known by the digest of its code. What is loaded here, and what lies here where the flow's
files lie, has to be that code; a file that is not here is no difference: its functions were sent along.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import CodeType
from typing import Final

from govflow.ir.manifest import Manifest
from govflow.planning.code import code_digest
from govflow.planning.planner import FunctionRef
from govflow.prefect.as_loaded import functions_as_loaded
from govflow.prefect.binding import Bound, loaded_function
from govflow.prefect.elsewhere import PYTHON
from govflow.prefect.sites import Sites

KEPT: Final = 32  # manifests that are remembered

_lock = threading.Lock()
_bound: OrderedDict[str, Bound] = OrderedDict()


def bound_here(digest: str, manifest: Manifest) -> Bound:
    """The plan of a manifest, and what is not its code in this process (``unbound``).

    Args:
        digest: of the manifest.
        manifest: read under that digest.
    """
    with _lock:
        known = _bound.get(digest)
        if known is None:
            known = _bound[digest] = _with_digests(manifest)
            while len(_bound) > KEPT:
                _bound.popitem(last=False)
        else:
            _bound.move_to_end(digest)
    known.unbound = _differs(known, manifest)
    return known


def _with_digests(manifest: Manifest) -> Bound:
    plan = manifest.plan
    path = Path(manifest.folder) / plan.file
    bound = Bound(plan, Sites(plan, str(path), _NO_CODE), None)
    bound.expect_digests(manifest.code)
    bound.path = path
    return bound


_NO_CODE: Final[CodeType] = compile("", "<flow of another process>", "exec")
"""Stands for the body of the flow, which never runs here."""


def _differs(bound: Bound, manifest: Manifest) -> str | None:
    if manifest.python != PYTHON:
        return f"its code was read by {manifest.python}, and this process is {PYTHON}"
    by_file: dict[str, list[str]] = {}
    for name in manifest.code:
        by_file.setdefault(name.rpartition(":")[0] or manifest.plan.file, []).append(name)
    for file, names in by_file.items():
        path = Path(os.path.normpath(Path(manifest.folder) / file))
        here = _digests_of(path)
        for name in names:
            qualname = name.rpartition(":")[2]
            if here is not None and here.get(qualname, ()) != manifest.code[name]:
                return f"{qualname} in {path} is not the code that was planned"
            loaded = loaded_function(FunctionRef(file, qualname, 0, "helper"), path)
            if loaded is not None and bound.name_of(loaded) != name:
                return f"{qualname}, as this process loaded it from {path}, is not the code that was planned"
    return None


_read: dict[Path, tuple[tuple[int, int], Mapping[str, tuple[str, ...]] | None]] = {}


def _digests_of(path: Path) -> Mapping[str, tuple[str, ...]] | None:
    """Digests of the functions of a file, by qualified name; None when there is no such file here."""
    try:
        state = path.stat()
        seen = (state.st_mtime_ns, state.st_size)
        known = _read.get(path)
        if known is None or known[0] != seen:
            compiled = functions_as_loaded(path)
            found = {name: tuple(sorted({code_digest(c) for c in codes})) for name, codes in compiled.items()}
            if len(_read) > 1024:
                _read.clear()
            known = _read[path] = (seen, found)
        return known[1]
    except OSError:
        return None
    except (SyntaxError, ValueError):
        return {}
