"""Reading the plans of flows from files and folders, without importing them.

A flow is named ``<path/of/flow.py>:<function>``, the path relative to a base folder: the folder of the lock file. The
tree that imports are followed in is that of the repository that the file is in, the same at the command line, in CI and
at run time.
"""

from __future__ import annotations

import difflib
import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from govflow.errors import FlowNotFound, GovflowError, SourceError, VocabularyError
from govflow.ir.models import Plan, Step
from govflow.ir.vocabulary import Vocabulary
from govflow.planning.effects.catalogue import Catalogue
from govflow.planning.planner import Reader
from govflow.services.find_files import NO_FILE, FoundFiles, find_files
from govflow.sources import WorkingTree, find_root


@dataclass(frozen=True, slots=True)
class FlowPlan:
    """A plan and the name that it is locked under."""

    name: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class Unread:
    """A file or folder that could not be read, or one flow of which no plan can be used, and why."""

    file: str  # relative to the base
    error: GovflowError
    flow: str | None = None  # where the rest of the file could be read


@dataclass(frozen=True, slots=True)
class Target:
    """What a person pointed at: a file or folder, and a flow of it if one is named."""

    path: Path
    function: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """Every flow that was found, by name, and the files that could not be read."""

    targets: tuple[Target, ...]
    flows: tuple[FlowPlan, ...]
    unread: tuple[Unread, ...] = ()


def read_flows(
    words: Sequence[str],
    base: Path,
    vocabulary: Vocabulary,
    catalogue: Catalogue | None = None,
    *,
    every: bool = False,
) -> Reading:
    """Read the plan of every flow that ``words`` name.

    Args:
        words: ``PATH`` or ``PATH:FLOW``; in a folder every Python file is looked at.
        base: the folder that names are relative to.
        vocabulary: what actions and providers there are.
        catalogue: what calls do; by default what ships.
        every: nothing may be left out silently: pipes, closed folders, and flows with a word that nobody registered
            are among what could not be read.

    Raises:
        SourceError: a path is not there, or a file that was named cannot be read.
        FlowNotFound: there is no such flow, or none at all; names what was found.
        VocabularyError: a step has an action or provider that is not registered; names file and line.
    """
    targets = tuple(parse_target(word) for word in words)
    flows: dict[str, FlowPlan] = {}
    unread: list[Unread] = []
    readers = Readers(catalogue)
    for target in targets:
        searched = find_files(target.path)
        if every:
            unread += _closed(searched, base)
        for file in searched.files:
            try:
                found = readers.flows(file, base, target.function)
            except SourceError as error:
                if target.path.is_file():
                    raise
                unread.append(Unread(name_of(file, base), error))
                continue
            for flow in found:
                try:
                    check_words(flow, vocabulary)
                except VocabularyError as error:
                    if not every:
                        raise
                    unread.append(Unread(name_of(file, base), error, flow.name))
                else:
                    flows[flow.name] = flow
    if not flows and not unread:
        raise FlowNotFound(
            f"There is no flow in {', '.join(str(target.path) for target in targets)}.",
            mend="A flow is a function decorated with @flow from govflow.prefect or prefect.",
        )
    return Reading(targets, tuple(sorted(flows.values(), key=lambda flow: flow.name)), tuple(unread))


def _closed(searched: FoundFiles, base: Path) -> Iterator[Unread]:
    """What could not be looked into, though it has the name of a Python file or is a folder."""
    for path, why in searched.passed_over:
        if why == NO_FILE:
            yield _unread(path, base, "it is not a regular file")
    for path, error in searched.unreadable:
        yield _unread(path, base, error.strerror or str(error))


def _unread(path: Path, base: Path, why: str) -> Unread:
    name = name_of(path, base)
    error = SourceError(
        f"{name} cannot be read: {why}",
        mend="Let this user read it, or leave it out of what is read.",
        details={"file": name},
    )
    return Unread(name, error)


def parse_target(word: str) -> Target:
    """``PATH`` or ``PATH:FLOW``.

    Raises:
        SourceError: there is no such file or folder; names what is near.
    """
    if Path(word).exists():
        return Target(Path(word))
    path, colon, function = word.rpartition(":")
    if colon and path and function and Path(path).exists():
        return Target(Path(path), function)
    wanted = Path(path if colon and path.endswith(".py") else word)
    siblings = [str(entry) for entry in _entries(wanted.parent)]
    near = difflib.get_close_matches(str(wanted), siblings, n=1)
    mend = f"Did you mean {near[0]}?" if near else "Give a Python file or a folder, as in flows/etl.py:nightly."
    raise SourceError(f"{wanted}: there is no such file or folder.", mend=mend, details={"file": str(wanted)})


def flows_of(reader: Reader, path: str, name: str, function: str | None = None) -> list[FlowPlan]:
    """The plans of one file of a tree.

    Args:
        reader: of the tree.
        path: of the file in the tree.
        name: of the file in flow names.
        function: only this flow.

    Raises:
        SourceError: the file cannot be read.
        FlowNotFound: there is no such flow.
    """
    if not _is_text(path):
        raise SourceError(
            f"{path!a}: the name of the file is no UTF-8, so no plan can hold it.",
            mend="Rename the file, or leave it out of what is read.",
            details={"file": path},
        )
    try:
        planned = reader.plans(path) if function is None else (reader.plan(path, function),)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise SourceError(
            f"{name}: no plan can hold a text of this file: {field}: {first['msg']}",
            mend="Mend the name or text: it must be Unicode without surrogates.",
            details={"file": name},
        ) from None
    return [FlowPlan(f"{name}:{one.plan.function}", one.plan) for one in planned]


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


class Readers:
    """A reader for each repository that files are found in; what one flow has read, the next does not read again.

    Args:
        catalogue: what calls do; by default what ships.
        otherwise: the root of files above which nothing marks a repository; by default each one's folder.
    """

    def __init__(self, catalogue: Catalogue | None = None, *, otherwise: Path | None = None) -> None:
        self._catalogue = catalogue
        self._otherwise = otherwise
        self._roots: dict[Path, Path] = {}  # of folders
        self._of_root: dict[Path, Reader] = {}
        self._bases: dict[Path, Path] = {}  # resolved

    def flows(self, file: Path, base: Path, function: str | None = None) -> list[FlowPlan]:
        """The plans of one file, named relative to ``base``.

        Raises:
            SourceError: the file cannot be read.
            FlowNotFound: there is no such flow.
        """
        file = file.resolve()
        root = self._roots.get(file.parent)
        if root is None:
            root = self._roots[file.parent] = find_root(file, self._otherwise)
        reader = self._of_root.get(root)
        if reader is None:
            reader = self._of_root[root] = Reader(WorkingTree(root), self._catalogue)
        real = self._bases.get(base)
        if real is None:
            real = self._bases[base] = base.resolve()
        return flows_of(reader, _relative(file, root), _relative(file, real), function)


def name_of(file: Path, base: Path) -> str:
    """The POSIX path of ``file`` relative to ``base``."""
    return _relative(file.resolve(), base.resolve())


def _relative(file: Path, folder: Path) -> str:
    return Path(os.path.relpath(file, folder)).as_posix()


def place_in(name: str, step: Step) -> tuple[str, int | None]:
    """File and line of a step's call, the file as flow names have it; the flow's file where there is no call."""
    path = name.rpartition(":")[0]
    if not step.sites:
        return path, None
    return file_in(name, step.sites[-1].file), step.sites[-1].line


def file_in(name: str, file: str) -> str:
    """A file that a plan names, as the name of its flow names files."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name.rpartition(":")[0]), file))


def check_words(flow: FlowPlan, vocabulary: Vocabulary) -> None:
    """Refuse a plan with an unknown action or provider, and say where it stands.

    Raises:
        VocabularyError: names file and line of the first one.
    """
    try:
        vocabulary.check(flow.plan)
    except VocabularyError as error:
        unknown = error.details.get("unknown")
        step_id = unknown[0]["step"] if isinstance(unknown, list) and unknown else None
        sites = next((step.sites for step in flow.plan.steps if step.step_id == step_id), ())
        file = flow.name.rpartition(":")[0]
        place = f"{file}:{sites[0].line}" if sites else file
        details = {**error.details, **({"line": sites[0].line} if sites else {})}
        raise VocabularyError(f"{place}: {error.message}", mend=error.mend, details=details) from None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
