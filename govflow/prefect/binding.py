"""Binding the source that was read to the code that is loaded.

A plan says what a file holds; what runs is what the interpreter holds. Both are compared, function by function, as
normalised code objects (no line numbers, no caches), without executing anything: the file is compiled, never run.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from govflow.errors import GovflowError
from govflow.ir.models import Plan
from govflow.planning.code import code_digest, compiled_functions
from govflow.planning.effects.catalogue import Catalogue
from govflow.planning.planner import FunctionRef, PlannedFlow, plan_flow
from govflow.prefect.origins import Origin
from govflow.prefect.sites import Sites
from govflow.sources import WorkingTree, find_root


class Bound:
    """A flow function, its plan, and what the two have in common. Built once for each loaded flow function.

    Attributes:
        plan: what the file says; None when it cannot be planned.
        sites: call sites of the plan.
        unbound: why the loaded code is not the source that was read; None when it is.
    """

    def __init__(self, plan: Plan | None, sites: Sites | None, unbound: str | None) -> None:
        self.plan = plan
        self.sites = sites
        self.unbound = unbound
        self.path: Path | None = None  # of the flow's file
        self._expected: dict[tuple[str, str], str] = {}  # (name of the code, its digest) → name in the plan
        self._names: dict[int, tuple[CodeType, str | None]] = {}  # id of a code object → itself, its name in the plan

    def expect(self, code: CodeType, name: str) -> None:
        """Say that the source has a function of this code."""
        self._expected[code.co_qualname, code_digest(code)] = name

    def name_of(self, fn: Any) -> str | None:
        """What the plan calls the function in memory; None when its code is not the code that was read.

        The answer is remembered for each code object, and the code object is held so that its id stays its own:
        a function whose ``__code__`` was replaced is another one. A function that wraps another is only known if that
        one is known too.
        """
        fn = _underlying(fn)
        code: CodeType | None = getattr(fn, "__code__", None)
        if code is None:
            return None
        known = self._names.get(id(code))
        if known is None:
            known = (code, self._expected.get((code.co_qualname, code_digest(code))))
            self._names[id(code)] = known
        wrapped = getattr(fn, "__wrapped__", None)
        if known[1] is not None and wrapped is not None and self.name_of(wrapped) is None:
            return None
        return known[1]


def _underlying(fn: Any) -> Any:
    """The function behind a partial or a callable object."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return fn if hasattr(fn, "__code__") else type(fn).__call__


def bind(fn: Any, origin: Origin, catalogue: Catalogue | None = None) -> Bound:
    """Plan the file that ``fn`` was loaded from and compare it with what is loaded.

    Args:
        fn: the flow's function.
        origin: taken when the flow was made.
        catalogue: what calls do; by default what ships.
    """
    code: CodeType | None = getattr(fn, "__code__", None)
    if code is None:
        return Bound(None, None, f"{fn!r} has no code object")
    path = _source_file(fn, code)
    if path is None:
        return Bound(None, None, f"its source ({code.co_filename}) is not a file")
    root = find_root(path)
    try:
        name = path.relative_to(os.path.realpath(root)).as_posix()
        planned = plan_flow(WorkingTree(root), name, fn.__qualname__, catalogue)
        inner: CodeType = inspect.unwrap(fn).__code__  # decorators below @flow have frames of their own
        bound = Bound(planned.plan, Sites(planned.plan, str(path), inner), None)
        files = {Path(os.path.normpath(path.parent / ref.file)) for ref in planned.functions} - {path}
        bound.unbound = _compare(bound, planned, path, fn) or origin.changed(path, sorted(files))
        bound.path = path
    except (GovflowError, OSError, SyntaxError, ValueError) as error:
        return Bound(None, None, getattr(error, "message", str(error)))
    return bound


def _source_file(fn: Any, code: CodeType) -> Path | None:
    candidates = [code.co_filename]
    with suppress(TypeError):
        # Prefect's script loader may give a function another file name than the one on disk.
        candidates.append(inspect.getsourcefile(fn) or "")
    for name in candidates:
        if name and not name.startswith("<") and os.path.isfile(name):
            return Path(os.path.realpath(name))
    return None


def _compare(bound: Bound, planned: PlannedFlow, path: Path, flow_fn: Any) -> str | None:
    """Compare every planned function that is loaded with its source; say which one differs."""
    own = os.path.basename(path)
    compiled: dict[str, Mapping[str, tuple[CodeType, ...]]] = {}
    for ref in planned.functions:
        file = Path(os.path.normpath(path.parent / ref.file))
        if ref.file not in compiled:
            compiled[ref.file] = compiled_functions(file.read_text(encoding="utf-8"), str(file))
        name = ref.qualname if ref.file == own else f"{ref.file}:{ref.qualname}"
        for code in compiled[ref.file].get(ref.qualname, ()):
            bound.expect(code, name)
        if ref.role == "flow" and ref.file == own and ref.qualname == flow_fn.__qualname__:
            loaded: FunctionType | None = inspect.unwrap(flow_fn)
        else:
            loaded = _loaded(ref, file, flow_fn.__globals__ if ref.file == own else None)
        if loaded is not None and bound.name_of(loaded) != name:
            return f"{ref.qualname} in memory is not {ref.qualname} in {ref.file}"
    if bound.name_of(flow_fn) is None:
        return f"what wraps {flow_fn.__qualname__} in memory is not in the source"
    return None


def _loaded(ref: FunctionRef, file: Path, namespace: Mapping[str, Any] | None) -> FunctionType | None:
    """A planned function as it is in memory; None when its module is not loaded or makes it later."""
    spaces = [namespace] if namespace is not None else [vars(module) for module in _modules_of(file)]
    first, *rest = ref.qualname.split(".")
    for space in spaces:
        found: Any = space.get(first)
        for part in rest:
            found = None if found is None or part == "<locals>" else inspect.getattr_static(found, part, None)
        function = _function_of(found)
        if function is not None and function.__code__.co_qualname == ref.qualname:
            return function
    return None


def _function_of(found: Any) -> FunctionType | None:
    """The plain function behind a task, a flow, a static or class method, or a wrapped callable."""
    if isinstance(found, (staticmethod, classmethod)):
        found = found.__func__
    fn = inspect.unwrap(getattr(found, "fn", found)) if callable(found) else None
    return fn if isinstance(fn, FunctionType) else None


def _modules_of(file: Path) -> list[ModuleType]:
    found = []
    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        # The base name first: resolving the path of every loaded module would take longer than all the rest.
        if isinstance(name, str) and os.path.basename(name) == file.name and os.path.realpath(name) == str(file):
            found.append(module)
    return found
