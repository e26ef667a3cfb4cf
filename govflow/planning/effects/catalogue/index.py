"""One layer of a catalogue, indexed: an exact name is one dictionary lookup; globs are tried where it misses."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from govflow.planning.effects.catalogue.entries import Call, Document, ObjectType

_Entry = TypeVar("_Entry")


class Callee(NamedTuple):
    """A callee taken apart: ``aws-client(s3).delete_object`` is ``aws-client.delete_object`` with the key ``s3``."""

    name: str
    key: str | None

    @classmethod
    def of(cls, text: str) -> Callee:
        """Take a callee apart."""
        head, opened, rest = text.partition("(")
        if not opened:
            return cls(text, None)
        key, _, tail = rest.rpartition(")")
        return cls(head + tail, key)

    @property
    def root(self) -> str:
        """The first part: a top-level module, a builtin, or the name of an object."""
        return root_of(self.name)


def root_of(name: str) -> str:
    """The first part of a callee; ``*`` for one that starts with a glob."""
    return "*" if name.startswith("*") else re.split(r"[.(\[]", name, maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class Match(Generic[_Entry]):
    """An entry that was found, and what the last ``*`` of its glob stood for."""

    entry: _Entry
    star: str = ""


class Names(Generic[_Entry]):
    """Names and globs, each with its entry. The more specific wins: exact before glob, keyed before not."""

    def __init__(self) -> None:
        self.exact: dict[tuple[str, str | None], _Entry] = {}
        self.globs: dict[str, tuple[_Glob[_Entry], ...]] = {}  # best first; replaced, not changed: threads read it

    def add(self, text: str, entry: _Entry) -> None:
        """Add a name; one that is there is replaced."""
        callee = Callee.of(text)
        if "*" not in callee.name and "?" not in callee.name:
            self.exact[callee] = entry
            return
        rooted = (*self.globs.get(callee.root, ()), _Glob.of(callee, entry))
        self.globs[callee.root] = tuple(sorted(rooted, key=lambda glob: glob.rank))  # among equals the first written

    def find(self, callee: Callee) -> Match[_Entry] | None:
        """The entry for a callee."""
        exact = self.exact.get(callee)
        if exact is None and callee.key is not None:
            exact = self.exact.get(Callee(callee.name, None))
        if exact is not None:
            return Match(exact)
        for glob in self.globs.get(callee.root, ()):
            if (glob.key is None or glob.key == callee.key) and (found := glob.pattern.fullmatch(callee.name)):
                return Match(glob.entry, found[found.lastindex] if found.lastindex else "")
        return None


@dataclass(frozen=True, slots=True)
class _Glob(Generic[_Entry]):
    rank: tuple[bool, int]
    key: str | None
    pattern: re.Pattern[str]
    entry: _Entry

    @classmethod
    def of(cls, callee: Callee, entry: _Entry) -> _Glob[_Entry]:
        pattern = "".join(
            "(.*)" if part == "*" else "." if part == "?" else re.escape(part)
            for part in re.split(r"([*?])", callee.name)
        )
        literal = len(callee.name) - callee.name.count("*") - callee.name.count("?")
        return cls((callee.key is None, -literal), callee.key, re.compile(pattern), entry)


class Index:
    """The entries of one or several documents."""

    def __init__(self, documents: Iterable[Document] = ()) -> None:
        self.calls: Names[Call] = Names()
        self.any_receiver: dict[str, Call] = {}
        self.makers: Names[ObjectType] = Names()
        self.types: dict[str, str] = {}
        self.harmless: dict[str, str] = {}
        self.harmless_globs: list[tuple[re.Pattern[str], str]] = []
        for document in documents:
            self.add(document)

    def add(self, document: Document) -> None:
        """Add the entries of a document."""
        for call in document.calls:
            for name in call.names:
                if name.startswith("*."):
                    self.any_receiver[name[2:]] = call
                else:
                    self.calls.add(name, call)
        for made in document.objects:
            for maker in made.made_by:
                self.makers.add(maker, made)
            self.types.update(dict.fromkeys(made.types, made.name))
        for name, source in document.harmless.items():
            if "*" in name or "?" in name:
                self.harmless_globs.append((re.compile(fnmatch.translate(name)), source))
            else:
                self.harmless[name] = source

    def is_harmless(self, name: str) -> str | None:
        """The source of the entry that says so; for a module or class it speaks for all that is below it."""
        part = name
        while part:
            if (source := self.harmless.get(part)) is not None:
                return source
            part = part.rpartition(".")[0]
        return next((source for pattern, source in self.harmless_globs if pattern.fullmatch(name)), None)
