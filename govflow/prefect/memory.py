"""What a function reads of its module in memory, against what the source says of it.

A body's own code is one thing; helpers, classes, constants and imports that it reads by name are others, and each can
be put in place of another while the process runs. What a file says of them is known, so the first look compares with
the file. From then on it is enough that nothing has been exchanged: identities, no values.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from govflow.planning.code import code_digest
from govflow.planning.modules import ModuleGraph
from govflow.planning.top_level import Defined, FromImport, Literal, ModuleImport, Stands, TopLevel, top_level
from govflow.prefect.as_loaded import functions_as_loaded
from govflow.sources import WorkingTree

_ABSENT: Final = object()
_NONE: Final[dict[str, Any]] = {}
_MOST: Final = 4096  # functions that are looked at behind one body
_COMPARED: Final = (FunctionType, type)  # what is imported from elsewhere must be this to be compared


class Source:
    """The files of one repository as they were when they were first asked for."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.join(os.path.realpath(root), "")
        self._files: dict[str, tuple[TopLevel, Mapping[str, frozenset[str]]] | None] = {}
        self._modules = ModuleGraph(WorkingTree(root))
        self._meant: dict[str, str] = {}  # file that a module was loaded from → file that its import means here

    def of(self, filename: str | None) -> tuple[TopLevel, Mapping[str, frozenset[str]]] | None:
        """Names and code digests of a file; None for one that is not of the repository, or cannot be read."""
        if not filename:
            return None
        if filename not in self._files:
            self._files[filename] = self._read(os.path.realpath(self._meant.get(filename, filename)))
        return self._files[filename]

    def take(self, module: ModuleType, importer: str, level: int, dotted: str) -> None:
        """Read a loaded module as the file of the repository that the import of it means, wherever it was loaded from.

        An older copy that is installed, or one that stands before it on the path, has to say the same.

        Args:
            module: as it was loaded.
            importer: file in which the import stands.
            level: dots before the name.
            dotted: the name.
        """
        loaded = getattr(module, "__file__", None)
        place = os.path.realpath(self._meant.get(importer, importer))
        if not loaded or loaded in self._meant or not place.startswith(self._root):
            return
        found = self._modules.find(Path(place).relative_to(self._root).as_posix(), level, dotted)
        if found is None or found.path is None:
            return
        meant = os.path.join(self._root, found.path)
        if os.path.realpath(loaded) != os.path.realpath(meant):
            self._meant[loaded] = meant
            self._files.pop(loaded, None)

    def holds(self, fn: FunctionType) -> bool:
        """Whether the file that a function says it is from holds its code."""
        read = self.of(fn.__code__.co_filename)
        return read is not None and code_digest(fn.__code__) in read[1].get(fn.__code__.co_qualname, ())

    def _read(self, path: str) -> tuple[TopLevel, Mapping[str, frozenset[str]]] | None:
        if not path.startswith(self._root) or "site-packages" in path:
            return None
        try:
            text = Path(path).read_text(encoding="utf-8")
            compiled = functions_as_loaded(path)
            return top_level(text), {name: frozenset(map(code_digest, codes)) for name, codes in compiled.items()}
        except (OSError, SyntaxError, ValueError):
            return None


class Memory:
    """Everything behind one function, as it stood when it was what the source says."""

    def __init__(self, source: Source, fn: Any) -> None:
        self.why: str | None = None  # what is not as the source says
        self._source = source
        self._names: list[tuple[Mapping[str, Any], str, Any]] = []
        self._functions: list[tuple[FunctionType, CodeType, Any, dict[str, Any]]] = []
        self._seen: set[int] = set()
        self._waiting: list[FunctionType] = []
        function = function_of(fn)
        if function is not None:
            self._waiting.append(function)
        while self._waiting and self.why is None and len(self._seen) < _MOST:
            self._look(self._waiting.pop())

    def is_as_it_was(self) -> bool:
        """Whether nothing has been exchanged since."""
        for space, name, value in self._names:
            if space.get(name, _ABSENT) is not value:
                return False
        for fn, code, defaults, keywords in self._functions:
            if fn.__code__ is not code or fn.__defaults__ is not defaults:
                return False
            held = fn.__kwdefaults__ or _NONE
            if len(held) != len(keywords) or any(held.get(key, _ABSENT) is not keywords[key] for key in keywords):
                return False  # by its values: the dictionary itself can be written into
        return True

    def _look(self, fn: FunctionType) -> None:
        if id(fn) in self._seen:
            return
        self._seen.add(id(fn))
        code = fn.__code__
        read = self._source.of(code.co_filename)
        if read is None:
            return
        self._functions.append((fn, code, fn.__defaults__, dict(fn.__kwdefaults__ or {})))
        self._compare_defaults(fn, read[0].defaults.get(code.co_qualname, ()))
        names = _names_in(code)
        for name in names & fn.__globals__.keys():
            stands = read[0].names.get(name)
            if stands is not None:
                self._compare(fn.__globals__, name, stands, code.co_filename, names)
        for cell in fn.__closure__ or ():
            try:
                held = function_of(cell.cell_contents)
            except ValueError:  # not filled yet
                continue
            if held is not None and self._source.holds(held):
                self._waiting.append(held)

    def _compare_defaults(self, fn: FunctionType, expected: tuple[tuple[int, Any], ...]) -> None:
        given = (*(fn.__defaults__ or ()), *(fn.__kwdefaults__ or {}).values())
        for place, value in expected:
            if place >= len(given) or not _is_same(given[place], value):
                self.why = (
                    f"a default of {fn.__qualname__} is not the one in {os.path.basename(fn.__code__.co_filename)}"
                )

    def _compare(self, space: Mapping[str, Any], name: str, stands: Stands, file: str, names: set[str]) -> None:
        value = space.get(name, _ABSENT)
        self._names.append((space, name, value))
        match stands:
            case Literal(value=expected):
                if not _is_same(value, expected):
                    self._differs(name, file)
            case Defined():
                self._compare_defined(value, stands, name, file)
            case FromImport():
                self._compare_imported(space, value, stands, name, file, names)
            case ModuleImport(module=dotted):
                module = sys.modules.get(dotted)
                if module is not None and value is not module:
                    self._differs(name, file)
                if isinstance(value, ModuleType):
                    self._source.take(value, file, 0, dotted)
                self._attributes(value, names)

    def _compare_defined(self, value: Any, stands: Defined, qualname: str, file: str) -> None:
        if stands.methods is not None:
            self._compare_class(value, stands, qualname, file)
            return
        function = function_of(value)
        if stands.governed and isinstance(value, FunctionType):
            self._differs(qualname, file)  # its function, without the task or flow around it
        elif isinstance(value, FunctionType) or not stands.plain:
            if function is None or (not stands.plain and self._is_made_by_decorator(function, qualname)):
                return  # it cannot be looked into
            if self._source.holds(function) and function.__code__.co_qualname == qualname:
                self._waiting.append(function)
            else:
                self._differs(qualname, file)
        else:
            self._differs(qualname, file)

    def _is_made_by_decorator(self, function: FunctionType, qualname: str) -> bool:
        """Whether a function has another name than the one that was decorated, as what a decorator makes may have."""
        made = function.__code__.co_qualname
        return made != qualname and ("<locals>" in made or not self._source.holds(function))

    def _compare_class(self, cls: Any, stands: Defined, name: str, file: str) -> None:
        if not isinstance(cls, type):
            if stands.plain:
                self._differs(name, file)
            return
        members = vars(cls)
        for method in stands.methods or ():
            function = members.get(method.name, _ABSENT)
            self._names.append((members, method.name, function))
            if method.plain and sum(one.name == method.name for one in stands.methods or ()) == 1:
                self._compare_defined(function, method, f"{cls.__qualname__}.{method.name}", file)

    def _compare_imported(
        self, space: Mapping[str, Any], value: Any, stands: FromImport, name: str, file: str, names: set[str]
    ) -> None:
        module = _module(space, stands)
        if module is None:
            return
        self._source.take(module, file, stands.level, stands.module)
        if isinstance(value, ModuleType):
            dotted = f"{stands.module}.{stands.attribute}" if stands.module else stands.attribute
            self._source.take(value, file, stands.level, dotted)
            self._attributes(value, names)
            return
        inner = vars(module).get(stands.attribute, _ABSENT)
        if inner is _ABSENT:
            return  # a package may make what it exports when it is asked for it
        if (isinstance(value, _COMPARED) or isinstance(inner, _COMPARED)) and inner is not value:
            self._differs(name, file)
            return
        read = self._source.of(getattr(module, "__file__", None))
        known = None if read is None else read[0].names.get(stands.attribute)
        if isinstance(known, Literal) and not _is_same(value, known.value):
            self._differs(name, file)
        elif known is not None and self._is_new(module, stands.attribute):
            self._compare(vars(module), stands.attribute, known, str(module.__file__), names)

    def _is_new(self, module: ModuleType, attribute: str) -> bool:
        """Whether this name of a module was not looked at yet: imports may go round in a circle."""
        return not any(space is vars(module) and name == attribute for space, name, _ in self._names)

    def _attributes(self, module: Any, names: set[str]) -> None:
        """Names of a module of the repository that code may ask it for."""
        read = self._source.of(getattr(module, "__file__", None)) if isinstance(module, ModuleType) else None
        if read is None:
            return
        for name in names & read[0].names.keys():
            if self._is_new(module, name):
                self._compare(vars(module), name, read[0].names[name], str(module.__file__), names)
        for name in names & vars(module).keys() - read[0].names.keys():
            inner = vars(module)[name]
            if isinstance(inner, ModuleType) and self._is_new(module, name):  # ``import package.module``
                self._names.append((vars(module), name, inner))
                self._source.take(inner, str(module.__file__), 1, name)
                self._attributes(inner, names)

    def _differs(self, name: str, file: str) -> None:
        self.why = f"{name} in memory is not {name} in {os.path.basename(file)}"


def function_of(found: Any) -> FunctionType | None:
    """The plain function behind a task, a flow, a method, a partial or a wrapped callable."""
    while isinstance(found, functools.partial):
        found = found.func
    if isinstance(found, (staticmethod, classmethod)):
        found = found.__func__
    fn = inspect.unwrap(getattr(found, "fn", found)) if callable(found) else None
    return fn if isinstance(fn, FunctionType) else None


@functools.lru_cache(maxsize=4096)
def _names_in(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names_in(constant)
    return names


def _module(space: Mapping[str, Any], stands: FromImport) -> ModuleType | None:
    dotted = "." * stands.level + stands.module
    if stands.level:
        try:
            dotted = importlib.util.resolve_name(dotted, str(space.get("__package__") or ""))
        except ImportError:
            return None
    return sys.modules.get(dotted)


def _is_same(value: object, expected: object) -> bool:
    return type(value) is type(expected) and repr(value) == repr(expected)
