"""The flows of a folder that say in comments what they show and what their plan is.

    # CONSTRUCT: .map, unmapped
    # STEPS: a#1, b#1*
    # EDGES: a#1 -> b#1, a#1 ~> b#1
    @flow
    def mapped(): ...

A step that may run many times ends in ``*``, one that may not run in ``?``. ``->`` hands a value on, ``~>`` waits.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_COMMENT = re.compile(r"\s*# (CONSTRUCT|STEPS|EDGES): (.+)")


@dataclass(frozen=True)
class Listed:
    """One flow, with what is said above it."""

    file: str
    flow: str  # with the names of its classes
    constructs: tuple[str, ...]
    steps: tuple[str, ...]
    edges: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.file}:{self.flow}"


def flows_of(root: Path) -> tuple[Listed, ...]:
    """Every flow of the folder that names a construct, in the order of files and lines."""
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py"))
    return tuple(listed for file in files for listed in _of_file(file, (root / file).read_text()))


def _of_file(file: str, source: str) -> Iterator[Listed]:
    lines = source.splitlines()
    for name, line in _defined(ast.parse(source).body):
        said = _above(lines, line)
        if said["CONSTRUCT"]:
            yield Listed(file, name, tuple(said["CONSTRUCT"]), tuple(said["STEPS"]), tuple(said["EDGES"]))


def _defined(body: list[ast.stmt], outer: str = "") -> Iterator[tuple[str, int]]:
    """Functions and assigned names, with the first line of each; those of classes and under conditions too."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield outer + name, min([statement.lineno, *(one.lineno for one in statement.decorator_list)])
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield outer + name, statement.lineno
            case ast.ClassDef(name=name, body=inner):
                yield from _defined(inner, f"{outer}{name}.")
            case ast.If(body=inner):
                yield from _defined(inner, outer)


def _above(lines: list[str], line: int) -> dict[str, list[str]]:
    """What the comments directly above a line say."""
    said: dict[str, list[str]] = {"EDGES": [], "STEPS": [], "CONSTRUCT": []}
    row = line - 2
    while row >= 0 and (found := _COMMENT.fullmatch(lines[row])):
        said[found[1]][:0] = found[2].split(", ")
        row -= 1
    return said
