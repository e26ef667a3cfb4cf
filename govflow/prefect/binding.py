"""Binding the source that was read to the code that is loaded.

A plan says what a file holds; what runs is what the interpreter holds. Both are compared, function by function, as
normalised code objects (no line numbers, no caches), without executing anything: the file is compiled, never run.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from govflow.errors import GovflowError
from govflow.ir.assignment import Fit
from govflow.ir.models import Plan, StepKind
from govflow.planning.code import code_digest
from govflow.planning.effects.catalogue import Catalogue
from govflow.planning.planner import FunctionRef, PlannedFlow, plan_flow, plan_task
from govflow.prefect.as_loaded import functions_as_loaded
from govflow.prefect.memory import Memory, Source
from govflow.prefect.origins import Origin
from govflow.prefect.sites import Sites
from govflow.sources import WorkingTree, find_root

REMEMBERED: Final = 4096  # code objects whose names are remembered


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
        self.fit: Fit | None = None  # what the plan allows of edges
        self.source: Source | None = None  # what the files say of names in memory; None: they are not compared
        self._memories: dict[int, tuple[Any, Memory]] = {}  # id of a function → itself, what it reads
        self._expected: dict[tuple[str, str], str] = {}  # (name of the code, its digest) → name in the plan
        self._names: dict[int, tuple[CodeType, str | None]] = {}  # id of a code object → itself, its name in the plan

    def expect(self, code: CodeType, name: str) -> None:
        """Say that the source has a function of this code."""
        self._expected[code.co_qualname, code_digest(code)] = name

    def expect_digests(self, code: Mapping[str, Iterable[str]]) -> None:
        """Say which functions the source has, by their names in the plan and the digests of their code."""
        for name, digests in code.items():
            qualname = name.rpartition(":")[2]
            self._expected.update({(qualname, digest): name for digest in digests})

    def digests(self) -> dict[str, tuple[str, ...]]:
        """The digests of every function that the source has, by name in the plan."""
        found: dict[str, list[str]] = {}
        for (_, digest), name in self._expected.items():
            found.setdefault(name, []).append(digest)
        return {name: tuple(sorted(digests)) for name, digests in sorted(found.items())}

    def carries_other(self, fn: Any) -> str | None:
        """Which function that came along with ``fn`` is not the one of the plan; None when all are.

        What a decorated function uses of its module is pickled with it, helpers too.
        """
        names, qualnames = set(self._expected.values()), {qualname for qualname, _ in self._expected}
        seen: set[int] = set()
        waiting = [_underlying(fn)]
        while waiting:
            function = waiting.pop()
            space = getattr(function, "__globals__", None)
            if space is None or id(function.__code__) in seen:
                continue
            seen.add(id(function.__code__))
            file = (self.name_of(function) or "").rpartition(":")[0]
            for name in _names_in(function.__code__):
                found = _function_of(space.get(name))
                planned = (f"{file}:{name}" if file else name) in names
                if found is not None and (planned or found.__code__.co_qualname in qualnames):
                    if self.name_of(found) is None:
                        return f"{found.__qualname__}, which it calls, is not the code that was planned"
                    waiting.append(found)
        return None

    def stands_for_another(self, fn: Any, callee: str) -> str | None:
        """Why a subflow is not the one that the plan has at its call; None when it is, or nobody can tell."""
        name = self.name_of(fn)
        if name == callee or (name is None and callee not in self._expected.values()):
            return None
        return f"{name or getattr(fn, '__qualname__', 'something')} stands where the plan has {callee}"

    def exchanged(self, fn: Any) -> str | None:
        """What ``fn`` reads in memory that is not what the source says: a helper, a constant, an import, a default."""
        memory = self.memory_of(fn)
        return None if memory is None else memory.why

    def memory_of(self, fn: Any) -> Memory | None:
        """What ``fn`` reads, as it is now; None where the source is not known."""
        if self.source is None:
            return None
        known = self._memories.get(id(fn))
        if known is None or known[0] is not fn or not known[1].is_as_it_was():
            if len(self._memories) >= REMEMBERED:
                self._memories.clear()
            known = self._memories[id(fn)] = (fn, Memory(self.source, fn))
        return known[1]

    def has(self, fn: Any) -> bool:
        """Whether a callable is as its source says; or from outside, where its own name leads to it."""
        function = _function_of(_underlying(fn))
        if self.source is None or function is None:
            return True
        if self.source.of(function.__code__.co_filename) is not None:
            return self.source.holds(function) and self.exchanged(function) is None
        found: Any = sys.modules.get(function.__module__)
        for part in function.__qualname__.split("."):
            found = inspect.getattr_static(found, part, None)
        return _function_of(found) is function

    @functools.cached_property
    def leaves_options_open(self) -> bool:
        """Whether the source computes an option of a task: then the plan has its default."""
        return self.plan is not None and any(finding.code == "option-not-constant" for finding in self.plan.findings)

    @functools.cached_property
    def _hooks(self) -> frozenset[str]:
        steps = () if self.plan is None else self.plan.steps
        return frozenset(step.callee for step in steps if step.kind in (StepKind.HOOK, StepKind.UNRESOLVED))

    @functools.cached_property
    def _outside_hooks(self) -> frozenset[str]:
        """A function from outside is known by its name only, and packages give it to others under theirs."""
        return frozenset(name.rpartition(".")[2] for name in self._hooks if "." in name and ":" not in name)

    def knows_hook(self, fn: Any) -> bool:
        """Whether the plan has this callable as one that the engine calls around a body."""
        if self.plan is None or self.source is None:
            return True
        name = self.name_of(fn)
        if name is not None:
            return name in self._hooks and self.exchanged(fn) is None
        return str(getattr(_underlying(fn), "__name__", "")) in self._outside_hooks

    def hook_steps(self, fn: Any) -> frozenset[str]:
        """The steps of the plan that this callable is, where the engine calls it around a body."""
        name = self.name_of(fn)
        if name is not None:
            return self._hook_steps.get(name, frozenset())
        own = str(getattr(_underlying(fn), "__name__", ""))
        return self._outside_hook_steps.get(own, frozenset())

    @functools.cached_property
    def _hook_steps(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for step in () if self.plan is None else self.plan.steps:
            if step.kind is StepKind.HOOK:
                found.setdefault(step.callee, set()).add(step.step_id)
        return {name: frozenset(steps) for name, steps in found.items()}

    @functools.cached_property
    def _outside_hook_steps(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for callee, steps in self._hook_steps.items():
            if "." in callee and ":" not in callee:
                own = callee.rpartition(".")[2]
                found[own] = found.get(own, frozenset()) | steps
        return found

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
            if len(self._names) >= REMEMBERED:
                self._names.clear()  # a process that is sent its tasks sees new code objects all the time
            known = (code, self._expected.get((code.co_qualname, code_digest(code))))
            self._names[id(code)] = known
        wrapped = getattr(fn, "__wrapped__", None)
        if known[1] is not None and wrapped is not None and self.name_of(wrapped) is None:
            return None
        return known[1]


def _names_in(code: CodeType) -> set[str]:
    """The global names that a code object, and those inside it, may read."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names_in(constant)
    return names


def _underlying(fn: Any) -> Any:
    """The function behind a partial or a callable object."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return fn if hasattr(fn, "__code__") else type(fn).__call__


def bind(fn: Any, origin: Origin, catalogue: Catalogue | None = None, *, lone: bool = False) -> Bound:
    """Plan the file that ``fn`` was loaded from and compare it with what is loaded.

    Args:
        fn: the flow's function.
        origin: taken when the flow was made.
        catalogue: what calls do; by default what ships.
        lone: it is the function of a task that no flow calls.
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
        plan = plan_task if lone else plan_flow
        planned = plan(WorkingTree(root), name, fn.__qualname__, catalogue)
        inner: CodeType = inspect.unwrap(fn).__code__  # decorators below @flow have frames of their own
        bound = Bound(planned.plan, Sites(planned.plan, str(path), inner), None)
        files = {Path(os.path.normpath(path.parent / ref.file)) for ref in planned.functions} - {path}
        bound.unbound = _compare(bound, planned, path, fn) or origin.changed(path, sorted(files))
        bound.path = path
        bound.fit = Fit(planned.plan, planned.hints)
        bound.source = Source(root)
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
            compiled[ref.file] = functions_as_loaded(file)
        name = ref.qualname if ref.file == own else f"{ref.file}:{ref.qualname}"
        for code in compiled[ref.file].get(ref.qualname, ()):
            bound.expect(code, name)
        if ref.role == "flow" and ref.file == own and ref.qualname == flow_fn.__qualname__:
            loaded: FunctionType | None = inspect.unwrap(flow_fn)
        else:
            loaded = loaded_function(ref, file, flow_fn.__globals__ if ref.file == own else None)
        if loaded is not None and bound.name_of(loaded) != name:
            return f"{ref.qualname} in memory is not {ref.qualname} in {ref.file}"
    if bound.name_of(flow_fn) is None:
        return f"what wraps {flow_fn.__qualname__} in memory is not in the source"
    return None


def loaded_function(ref: FunctionRef, file: Path, namespace: Mapping[str, Any] | None = None) -> FunctionType | None:
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
