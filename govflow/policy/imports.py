"""A policy in several files: one file imports others, and has their rules besides its own.

What is imported is judged as if it stood in the importing file, before its own rules: names of rules, approval rules,
attributes and words are those of all files together. Only ``name``, ``default`` and ``combining`` are the importing
file's alone. A file that several others import counts once.

``pack:NAME`` is a policy that ships (:mod:`govflow.policy.packs`), wherever the importing file comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from govflow.errors import PolicyError
from govflow.policy.packs import PackName, limited, pack_name, pack_text
from govflow.policy.places import Path, Places
from govflow.policy.shape import PolicyFile

MAX_FILES: Final = 100

Importer = Callable[[str, str], tuple[str, str]]
"""Reads an imported file: takes the name that stands under ``imports`` and the file in which it stands, gives how
messages call the file (one name for one file) and its text. Raises ``PolicyError`` if it cannot be read."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file, in shape."""

    file: PolicyFile
    places: Places


def gather(source: Source, importer: Importer | None, parse: Callable[[str, str], Source]) -> tuple[Source, ...]:
    """The file and all that it imports, each once; what is imported before what imports it.

    Args:
        source: the file that was asked for.
        importer: how imported files are read; ``None``: they are not.
        parse: text and name to a file in shape.

    Raises:
        PolicyError: a file cannot be read or used, imports itself, or there are too many.
    """
    gathering = _Gathering(importer, parse)
    gathering.follow(source, (source.places.where,))
    return gathering.finished()


@dataclass(slots=True)
class _Gathering:
    """The files that were found so far."""

    importer: Importer | None
    parse: Callable[[str, str], Source]
    done: dict[str, Source] = field(default_factory=dict)
    limits: dict[str, tuple[PackName, Places, Path]] = field(default_factory=dict)  # that imports set, by file

    def follow(self, source: Source, open_files: tuple[str, ...]) -> None:
        """Add what a file imports, and the file."""
        for number, name in enumerate(source.file.imports):
            here: Path = ("imports", number)
            where, text = self._read(name, source.places, here)
            if where in open_files:
                raise source.places.error(here, f"{name!r} leads back to this file", "Remove one of the imports.")
            if where in self.done:
                continue
            if len(self.done) + len(open_files) >= MAX_FILES:
                raise source.places.error(here, f"more than {MAX_FILES} files", "Join some of them.")
            self.follow(self.parse(text, where), (*open_files, where))
        self.done[source.places.where] = source

    def _read(self, name: str, places: Places, here: Path) -> tuple[str, str]:
        """How messages call an imported file, and its text."""
        try:
            pack = pack_name(name)
            if pack is not None:
                text = pack_text(pack.name)
                self._set_limits(pack, places, here)
                return pack.where, text
            if self.importer is not None:
                return self.importer(name, places.where)
        except PolicyError as problem:
            raise places.error(here, f"{name!r} cannot be imported: {problem.message}", problem.mend) from None
        raise places.error(here, "nothing can be imported here", "Write the rules out, or load the file by its path.")

    def _set_limits(self, pack: PackName, places: Places, here: Path) -> None:
        """Keep the limits until all is read: a pack may have been imported by another one before."""
        if pack.limits:
            held, other, _ = self.limits.setdefault(pack.where, (pack, places, here))
            if held.limits != pack.limits:
                raise PolicyError(f"{other.where} sets other limits for it", mend="Set them once.")

    def finished(self) -> tuple[Source, ...]:
        """The files with the limits that imports set, each after those that it imports."""
        for where, (pack, places, here) in self.limits.items():
            file = self.done[where].file
            try:
                policy = limited(file.policy, pack)
            except PolicyError as problem:
                raise places.error(here, problem.message, problem.mend) from None
            self.done[where] = replace(self.done[where], file=file.model_copy(update={"policy": policy}))
        return tuple(self.done.values())


def merged(sources: Sequence[Source]) -> PolicyFile:
    """All files as one: that of the last, with what the others bring.

    Raises:
        PolicyError: two files say different things under one name.
    """
    last = sources[-1]
    if len(sources) == 1:
        return last.file
    _combine_alike(sources)
    _named_apart(sources)
    policy = last.file.policy.model_copy(
        update={
            "bands": _joined(sources, ("policy", "bands")),
            "rules": tuple(rule for source in sources for rule in source.file.policy.rules),
            "exceptions": tuple(entry for source in sources for entry in source.file.policy.exceptions),
        }
    )
    return last.file.model_copy(
        update={
            "imports": (),
            "policy": policy,
            "attributes": _joined(sources, ("attributes",)),
            "approvals": _joined(sources, ("approvals",)),
            "principals": _joined(sources, ("principals",)),
            "actions": _listed(sources, "actions"),
            "providers": _listed(sources, "providers"),
            "tiers": tuple(rule for source in sources for rule in source.file.tiers),
        }
    )


def _combine_alike(sources: Sequence[Source]) -> None:
    """Rules written for one way of combining mean something else under another."""
    last = sources[-1]
    wanted = last.file.policy.combining
    for source in sources[:-1]:
        if source.file.policy.combining is not wanted:
            raise source.places.error(
                ("policy", "combining"),
                f"{last.places.where} imports this file and combines by {wanted}",
                "Let both combine in one way, or make the two files layers.",
            )


_Value = TypeVar("_Value")


def _joined(sources: Sequence[Source], path: tuple[str, ...]) -> Mapping[str, Any]:
    """A section of names, of all files."""
    found: dict[str, Any] = {}
    for source in sources:
        section: Any = source.file
        for name in path:
            section = getattr(section, name)
        for name, value in section.items():
            if found.setdefault(name, value) != value:
                raise source.places.error((*path, name), f"an imported file says otherwise of {name!r}", "Rename one.")
    return found


def _listed(sources: Sequence[Source], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for source in sources for word in getattr(source.file, name)))


def _named_apart(sources: Sequence[Source]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for source in sources:
        for kind, index, name in _names(source.file):
            other = seen.setdefault((kind, name), source.places.where)
            if other != source.places.where:
                raise source.places.error(
                    ("policy", kind, index, "name"), f"{other} has one that is named {name!r} too", "Rename one."
                )


def _names(file: PolicyFile) -> Iterator[tuple[str, int, str]]:
    for index, rule in enumerate(file.policy.rules):
        yield "rules", index, rule.name
    for index, exception in enumerate(file.policy.exceptions):
        yield "exceptions", index, exception.name
