"""What a piece of source reads by ways that its names do not show: modules by text, docstrings, files."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from govflow.planning.bound_names import words_of
from govflow.planning.modules import SourceModule

_TABLES = frozenset({"globals", "vars", "eval", "exec"})
_CLASS_TABLES = frozenset({"__subclasses__", "__init_subclass__"})
_DOC_READERS = frozenset({"getdoc", "get_docstring"})
_IMPORTERS = frozenset({"import_module", "__import__"})
_READING = frozenset({"read_text", "read_bytes"})
_WRITING = frozenset({"write_text", "write_bytes"})
_SAME_PATH = frozenset({"resolve", "absolute", "expanduser", "as_posix"})
_OPENING = _IMPORTERS | _READING | _WRITING | {"open"}
_TELLING = frozenset(
    {*_TABLES, *_OPENING, "__doc__", ".__doc__", ".modules"}
    | {f".{name}" for name in _OPENING | _CLASS_TABLES | _DOC_READERS}
)
"""Words without which there is no clue, as :func:`words_of` gives them."""
_OWN_FILE = "\0"  # the file that the source stands in
_DEEPEST = 20


@dataclass(frozen=True)
class FileClue:
    """A file that is opened by a name that the source spells out."""

    name: str  # relative to the folder of the source, or absolute
    line: int
    writes: bool


@dataclass(frozen=True)
class Clues:
    """What one definition or statement reads beside its names."""

    modules: tuple[str, ...]  # imported by a constant name
    own_module: bool  # any global of its module may be read
    docs: bool  # docstrings are read
    files: tuple[FileClue, ...]

    def __bool__(self) -> bool:
        return bool(self.modules or self.own_module or self.docs or self.files)


_NONE = Clues((), False, False, ())


def clues_of(node: ast.AST, module: SourceModule, words: frozenset[str] | None = None) -> Clues:
    """The clues in a definition, a statement or an expression. Its own decorators are left out.

    Args:
        node: the piece of source.
        module: where it stands.
        words: ``words_of(node)``, where the caller has it already.
    """
    if _TELLING.isdisjoint(words_of(node) if words is None else words):
        return _NONE  # as for most pieces of source: no closer look is needed
    modules: dict[str, None] = {}
    own = docs = False
    files: dict[FileClue, None] = {}
    paths: _Paths | None = None
    for child in _nodes(node):
        match child:
            case ast.Name(id=name) if name in _TABLES:
                own = True
            case ast.Name(id="__doc__") | ast.Constant(value="__doc__"):
                docs = True
            case ast.Attribute(attr=name):
                own = own or name in _CLASS_TABLES or _is_loaded_modules(child)
                docs = docs or name == "__doc__" or name in _DOC_READERS
            case ast.Call():
                name = _last(child.func)
                first = child.args[0] if child.args else None
                if name in _IMPORTERS and isinstance(first, ast.Constant) and isinstance(first.value, str):
                    modules[first.value] = None
                if name == "open" or name in _READING | _WRITING:
                    paths = paths or _Paths(node, module)
                    files.update(dict.fromkeys(paths.opened(child, name)))
    return Clues(tuple(modules), own, docs, tuple(files))


def _nodes(root: ast.AST) -> Iterator[ast.AST]:
    yield root
    for name, value in ast.iter_fields(root):
        if name in ("decorator_list", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from ast.walk(child)


def _is_loaded_modules(node: ast.Attribute) -> bool:
    return node.attr == "modules" and isinstance(node.value, ast.Name) and node.value.id == "sys"


def _last(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


class _Paths:
    """Paths that expressions of one piece of source spell out."""

    def __init__(self, node: ast.AST, module: SourceModule) -> None:
        statements = [*(item for found in module.bindings.values() for item in found), *_nodes(node)]
        self._values = _assigned(statements)

    def opened(self, call: ast.Call, name: str) -> Iterator[FileClue]:
        """The file that ``open(...)``, ``path.open(...)`` or ``path.read_text()`` opens."""
        method = isinstance(call.func, ast.Attribute) and _last(call.func.value) not in ("io", "codecs", "builtins")
        if method and isinstance(call.func, ast.Attribute):
            target, mode_at = call.func.value, 0
        elif call.args and name == "open":
            target, mode_at = call.args[0], 1
        else:
            return
        found = self._path(target, 0)
        if found is None or found == _OWN_FILE:
            return
        yield FileClue(found, call.lineno, name in _WRITING or (name == "open" and _writes(call, mode_at)))

    def _path(self, node: ast.expr, depth: int) -> str | None:
        if depth > _DEEPEST:
            return None
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id="__file__"):
                return _OWN_FILE
            case ast.Name(id=name):
                value = self._values.get(name)
                return None if value is None else self._path(value, depth + 1)
            case ast.Attribute(value=inner, attr="parent"):
                return _parent(self._path(inner, depth + 1))
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._joined([left, right], depth)
            case ast.Call(func=function, args=arguments):
                return self._called(_last(function), function, arguments, depth)
        return None

    def _called(self, name: str, function: ast.expr, arguments: list[ast.expr], depth: int) -> str | None:
        if name in ("Path", "PurePath", "PosixPath", "join", "str", "fspath", "abspath", "realpath") and arguments:
            return self._joined(arguments, depth)
        if name == "dirname" and arguments:
            return _parent(self._path(arguments[0], depth + 1))
        if not isinstance(function, ast.Attribute):
            return None
        if name in _SAME_PATH:
            return self._path(function.value, depth + 1)
        if name == "joinpath":
            return self._joined([function.value, *arguments], depth)
        if name == "with_name" and arguments:
            folder = _parent(self._path(function.value, depth + 1))
            rest = self._path(arguments[0], depth + 1)
            return None if folder is None or rest is None else posixpath.join(folder, rest)
        return None

    def _joined(self, parts: list[ast.expr], depth: int) -> str | None:
        found = [self._path(part, depth + 1) for part in parts]
        known = [part for part in found if part is not None]
        return posixpath.join(*known) if len(known) == len(found) else None


def _assigned(statements: list[ast.AST]) -> Mapping[str, ast.expr]:
    """Values of the names that are assigned once."""
    found: dict[str, ast.expr | None] = {}
    for node in statements:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            found[name] = node.value if found.get(name, node.value) is node.value else None
    return {name: value for name, value in found.items() if value is not None}


def _parent(path: str | None) -> str | None:
    if path is None:
        return None
    if path == _OWN_FILE:
        return "."
    return posixpath.join(path, "..") if path.rpartition("/")[2] in ("", ".", "..") else posixpath.dirname(path) or "."


def _writes(call: ast.Call, at: int) -> bool:
    mode: ast.expr | None = call.args[at] if len(call.args) > at else None
    for keyword in call.keywords:
        if keyword.arg == "mode":
            mode = keyword.value
    if mode is None:
        return False
    return not (isinstance(mode, ast.Constant) and isinstance(mode.value, str)) or not set(mode.value) <= set("rbtU")
