"""Reading the plans of flows from files and folders, without importing them.

A flow is named ``<path/of/flow.py>:<function>``, the path relative to a base folder: the folder of the lock file. The
tree that imports are followed in is that of the repository that the file is in, the same at the command line, in CI and
at run time.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govflow.errors import FlowNotFound, GovflowError, SourceError, VocabularyError
from govflow.ir.models import Plan
from govflow.ir.vocabulary import Vocabulary
from govflow.planning.planner import list_flows, plan_flow
from govflow.planning.source import SourceTree
from govflow.sources import WorkingTree, find_root

_SKIPPED: Final = frozenset({"__pycache__", "node_modules", "site-packages"})


@dataclass(frozen=True, slots=True)
class FlowPlan:
    """A plan and the name that it is locked under."""

    name: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class Unread:
    """A file of a folder that could not be read, and why."""

    file: str  # relative to the base
    error: GovflowError


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


def read_flows(words: Sequence[str], base: Path, vocabulary: Vocabulary) -> Reading:
    """Read the plan of every flow that ``words`` name.

    Args:
        words: ``PATH`` or ``PATH:FLOW``; in a folder every Python file is looked at.
        base: the folder that names are relative to.
        vocabulary: what actions and providers there are.

    Raises:
        SourceError: a path is not there, or a file that was named cannot be read.
        FlowNotFound: there is no such flow, or none at all; names what was found.
        VocabularyError: a step has an action or provider that is not registered; names file and line.
    """
    targets = tuple(parse_target(word) for word in words)
    flows: dict[str, FlowPlan] = {}
    unread: list[Unread] = []
    for target in targets:
        for file in python_files(target.path):
            try:
                found = _read_file(file, target.function, base)
            except SourceError as error:
                if target.path.is_file():
                    raise
                unread.append(Unread(name_of(file, base), error))
                continue
            for flow in found:
                check_words(flow, vocabulary)
                flows[flow.name] = flow
    if not flows and not unread:
        raise FlowNotFound(
            f"There is no flow in {', '.join(str(target.path) for target in targets)}.",
            mend="A flow is a function decorated with @flow from govflow.prefect or prefect.",
        )
    return Reading(targets, tuple(sorted(flows.values(), key=lambda flow: flow.name)), tuple(unread))


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


def python_files(path: Path) -> Iterator[Path]:
    """The file itself, or every Python file below a folder that mentions a flow, in order. Links are not followed."""
    if path.is_file():
        yield path
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(
            name
            for name in folders
            if name not in _SKIPPED and not name.startswith(".") and not Path(folder, name, "pyvenv.cfg").exists()
        )
        for name in sorted(files):
            file = Path(folder, name)
            if name.endswith(".py") and not file.is_symlink() and file.is_file() and _mentions_flow(file):
                yield file


def flows_of(tree: SourceTree, path: str, name: str, function: str | None = None) -> list[FlowPlan]:
    """The plans of one file of a tree.

    Args:
        tree: where the source is.
        path: of the file in the tree.
        name: of the file in flow names.
        function: only this flow.

    Raises:
        SourceError: the file cannot be read.
        FlowNotFound: there is no such flow.
    """
    if function is not None:
        plan = plan_flow(tree, path, function).plan
        return [FlowPlan(f"{name}:{plan.function}", plan)]
    plans = [plan_flow(tree, path, found.function).plan for found in list_flows(tree, path)]
    return [FlowPlan(f"{name}:{plan.function}", plan) for plan in plans]


def name_of(file: Path, base: Path) -> str:
    """The POSIX path of ``file`` relative to ``base``."""
    return Path(os.path.relpath(file.resolve(), base.resolve())).as_posix()


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
        raise VocabularyError(f"{place}: {error.message}", mend=error.mend, details=error.details) from None


def _read_file(file: Path, function: str | None, base: Path) -> list[FlowPlan]:
    root = find_root(file)
    return flows_of(WorkingTree(root), name_of(file, root), name_of(file, base), function)


def _mentions_flow(file: Path) -> bool:
    try:
        return b"flow" in file.read_bytes()
    except OSError:
        return True  # reading it properly names the trouble


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
