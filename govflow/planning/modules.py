"""The modules of a repository: parsed once, found the way a script or a package would find them."""

from __future__ import annotations

import ast
import posixpath
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from govflow.errors import SourceError
from govflow.planning.memo import NodeMemo
from govflow.planning.source import SourceTree
from govflow.planning.values import ModuleRef
from govflow.planning.vocabulary import ENGINE_PACKAGES

if TYPE_CHECKING:
    from govflow.planning.clues import Clues
    from govflow.planning.normal_form import Normal


@dataclass(eq=False)
class SourceModule:
    """A parsed file. ``path`` is relative to the tree's root."""

    path: str
    tree: ast.Module
    source: str
    bindings: dict[str, list[ast.stmt]] = field(default_factory=dict)  # top-level statements that bind or change a name
    stars: list[ast.ImportFrom] = field(default_factory=list)  # ``from x import *``

    @property
    def folder(self) -> str:
        """Folder of the file, ``""`` for the root."""
        return posixpath.dirname(self.path)

    @property
    def stem(self) -> str:
        """File name without ``.py``."""
        return posixpath.splitext(posixpath.basename(self.path))[0]


class ModuleGraph:
    """Reads and parses files of one tree, each once."""

    def __init__(self, tree: SourceTree) -> None:
        self._tree = tree
        self._texts: dict[str, str | None] = {}
        self._modules: dict[str, SourceModule | SourceError] = {}
        self._found: dict[tuple[str, int, str], ModuleRef | None] = {}  # by file
        self._found_from: dict[tuple[str, int, str], ModuleRef | None] = {}  # by folder
        # Of nodes of these modules, whoever reads them first.
        self.normals: NodeMemo[Normal] = NodeMemo()
        self.annotations: NodeMemo[tuple[str, ...]] = NodeMemo()  # dotted names that one reads
        self.clues: NodeMemo[Clues] = NodeMemo()
        self.active: NodeMemo[tuple[ast.stmt, ...] | None] = NodeMemo()  # None: it takes a reading to tell
        self.imported: dict[str, tuple[str, ...]] = {}  # by path: the files that importing a module imports
        self.inert: set[str] = set()  # files whose top level, when it is read, does and finds nothing and asks nobody
        self.calm: set[str] = set()  # inert files without active statements that import only such files
        self.restless: set[str] = set()  # files that are known not to be calm
        self.generators: NodeMemo[bool] = NodeMemo()

    def exists(self, path: str) -> bool:
        """Whether the tree has that file. One that cannot be decoded is there."""
        try:
            return self._text(path) is not None
        except SourceError:
            return True

    def load(self, path: str) -> SourceModule:
        """The parsed file.

        Raises:
            SourceError: there is no such file, or it is not Python; the message names file and line.
        """
        known = self._modules.get(path)
        if known is None:
            known = self._parse(path)
            self._modules[path] = known
        if isinstance(known, SourceError):
            raise known
        return known

    def _text(self, path: str) -> str | None:
        if path not in self._texts:
            self._texts[path] = self._tree.read(path)
        return self._texts[path]

    def _parse(self, path: str) -> SourceModule | SourceError:
        try:
            text = self._text(path)
        except SourceError as error:
            return error
        if text is None:
            return SourceError(f"there is no file {path}", mend="Give the path of a Python file.")
        try:
            tree = ast.parse(text, filename=path)
        except SyntaxError as error:
            return SourceError(
                f"{path}:{error.lineno or 1}: {error.msg}",
                mend="Mend the syntax error; nothing else in this file can be read.",
                details={"file": path, "line": error.lineno or 1},
            )
        except (RecursionError, MemoryError):
            return SourceError(f"{path}: the source is nested too deeply to be read", details={"file": path})
        except ValueError as error:  # a null byte, before Python 3.12
            return SourceError(f"{path}: cannot be parsed: {error}", details={"file": path})
        bindings = _bindings(tree)
        stars = [item for item in bindings.pop("*", []) if isinstance(item, ast.ImportFrom)]
        return SourceModule(path, tree, text, bindings, stars)

    def text(self, path: str) -> str | None:
        """Text of a file of the tree, or None if there is none.

        Raises:
            SourceError: the file is there and is no text.
        """
        path = posixpath.normpath(path)
        return None if path.startswith(("/", "..")) or path == "." else self._text(path)

    def data(self, importer: str, name: str) -> str | None:
        """Text of a file that a module opens by a relative name: beside the module, or in a folder above it.

        Raises:
            SourceError: the file is there and is no text.
        """
        folder = posixpath.dirname(importer)
        while True:
            path = posixpath.normpath(posixpath.join(folder, name))
            text = None if path.startswith(("/", "..")) or path == "." else self._text(path)
            if text is not None or not folder:
                return text
            folder = posixpath.dirname(folder)

    # imports

    def find(self, importer: str, level: int, dotted: str) -> ModuleRef | None:
        """The module of the repository that an import means, or None for one from outside.

        Args:
            importer: path of the file that imports.
            level: number of leading dots; 0 for an absolute import.
            dotted: name after the dots; may be empty if there are dots.
        """
        key = importer, level, dotted
        if key not in self._found:
            place = posixpath.dirname(importer), level, dotted
            if place not in self._found_from:
                self._found_from[place] = self._find(*place)
            self._found[key] = self._found_from[place]
        return self._found[key]

    def _find(self, folder: str, level: int, dotted: str) -> ModuleRef | None:
        if level:
            for _ in range(level - 1):
                folder = posixpath.dirname(folder)
            return self._at(folder, dotted)
        first = dotted.partition(".")[0]
        if not first or first in ENGINE_PACKAGES:
            return None
        for place in self._search_path(folder, first):
            found = self._at(place, dotted)
            if found is not None:
                return found
        return None

    def submodule(self, package: ModuleRef, name: str) -> ModuleRef | None:
        """The module ``name`` inside a package."""
        return None if package.folder is None else self._at(package.folder, name)

    def _search_path(self, folder: str, first: str) -> Iterator[str]:
        yield folder  # as Python does for a script
        if first in sys.stdlib_module_names:
            return
        while folder:
            folder = posixpath.dirname(folder)
            yield folder

    def _at(self, folder: str, dotted: str) -> ModuleRef | None:
        place = posixpath.join(folder, *dotted.split(".")) if dotted else folder
        package = posixpath.join(place, "__init__.py")
        if self.exists(package):
            return ModuleRef(package, place, dotted)
        if dotted and self.exists(place + ".py"):
            return ModuleRef(place + ".py", None, dotted)
        if not dotted:
            return ModuleRef(None, place, dotted)
        return None


def _bindings(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    found: dict[str, list[ast.stmt]] = {}
    for statement in top_level(tree.body):
        for name in dict.fromkeys(_names_of(statement)):
            found.setdefault(name, []).append(statement)
    return found


def top_level(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run at import, out of their ``if``, ``try`` and ``with``."""
    for statement in statements:
        match statement:
            case ast.If(test=test, body=body, orelse=orelse):
                if not is_main_guard(test):
                    yield from top_level(body)
                yield from top_level(orelse)
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
                yield from top_level(body)
                for handler in handlers:
                    yield from top_level(handler.body)
                yield from top_level(orelse)
                yield from top_level(final)
            case ast.With(body=body):
                yield from top_level(body)
            case _:
                yield statement


def is_main_guard(test: ast.expr) -> bool:
    """Whether a test is ``__name__ == "__main__"``."""
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
        return False
    sides = (test.left, test.comparators[0])
    names = any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
    return names and any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)


def _names_of(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=aliases):
            for alias in aliases:
                yield alias.asname or alias.name.partition(".")[0]
        case ast.ImportFrom(names=aliases):
            for alias in aliases:
                yield alias.asname or alias.name
        case ast.Assign(targets=targets):
            for target in targets:
                yield from _roots(target)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            yield from _roots(target)
        case ast.For(target=target, body=body):
            yield from _roots(target)
            for inner in body:
                yield from _names_of(inner)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
            yield name  # REGISTRY.append(...)


def _roots(target: ast.expr) -> Iterator[str]:
    match target:
        case ast.Name(id=name):
            yield name
        case ast.Tuple(elts=items) | ast.List(elts=items):
            for item in items:
                yield from _roots(item)
        case ast.Starred(value=value) | ast.Subscript(value=value) | ast.Attribute(value=value):
            yield from _roots(value)
