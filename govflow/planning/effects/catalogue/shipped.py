"""The catalogue that ships: families are read when something of theirs is first asked for.

Reading all of them takes longer than planning a small repository (docs/effects-catalogue.md has the figures), and most
code names three or four of the libraries. ``families.txt`` says which family speaks of which module, builtin or
object, by the first part of the name; a test holds it to what the families hold.
"""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from govflow.planning.effects.catalogue.document import read_document
from govflow.planning.effects.catalogue.entries import Document
from govflow.planning.effects.catalogue.index import Index

INDEX: Final = "families.txt"
ANY: Final = "*"
"""The root of entries for any receiver."""


class Shipped:
    """The families, indexed as far as they were needed. Nothing is read before the first question. Threads share it."""

    def __init__(self) -> None:
        self.index = Index()
        self._read: set[str] = set()
        self._lock = threading.Lock()

    def ensure(self, root: str) -> None:
        """Read the families that speak of a root, and those that speak of any."""
        for family in (*families_of(ANY), *families_of(root)):
            if family not in self._read:
                with self._lock:
                    if family not in self._read:
                        self.index.add(read_family(family))
                        self._read.add(family)

    @property
    def read(self) -> frozenset[str]:
        """The families that were read."""
        return frozenset(self._read)


def family_names() -> tuple[str, ...]:
    """The families that ship, in order."""
    return tuple(sorted(roots_of_families()))


def read_family(family: str) -> Document:
    """One family that ships."""
    name = f"{family}.yaml"
    return read_document(_folder().joinpath(name).read_text("utf-8"), f"govflow/planning/effects/catalogue/{name}")


@cache
def roots_of_families() -> dict[str, tuple[str, ...]]:
    """For each family the first parts of the names that it speaks of. Plain lines: every start reads them."""
    lines = _folder().joinpath(INDEX).read_text("utf-8").splitlines()
    split = (line.partition(":") for line in lines if not line.startswith("#"))
    return {family: tuple(roots.split()) for family, _, roots in split}


def families_of(root: str) -> tuple[str, ...]:
    """The families that speak of a root."""
    return _by_root().get(root, ())


@cache
def _by_root() -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for family, roots in roots_of_families().items():
        for root in roots:
            found[root] += (family,)
    return dict(found)


@cache
def digest() -> str:
    """SHA-256 over the files of all families, in order of their names."""
    whole = hashlib.sha256()
    for family in family_names():
        whole.update(f"{family}\0".encode() + _folder().joinpath(f"{family}.yaml").read_bytes() + b"\0")
    return whole.hexdigest()


def _folder() -> Traversable:
    return files("govflow.planning.effects.catalogue")
