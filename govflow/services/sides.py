"""The two sides of a comparison: the working tree, the lock file, a git revision, a plan file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from govflow.errors import CanonicalError, FlowNotFound, GovflowError, SourceError
from govflow.ir.hashing import plan_hash
from govflow.ir.lock import Lock
from govflow.ir.models import Plan
from govflow.planning.planner import Reader
from govflow.services.diff_plans import Comparison, Side, diff_sides
from govflow.services.find_files import belongs
from govflow.services.findings import CheckFinding
from govflow.services.lock_file import lock_folder
from govflow.services.plan_files import read_plan_file
from govflow.services.plan_flows import Reading, Target, Unread, flows_of, name_of, parse_target, read_flows
from govflow.services.workspace import Workspace
from govflow.sources.revision import Revision, merge_base, top_of

_MOST: Final = 2**20  # characters of a file of a revision that can hold a flow


def read_tree(workspace: Workspace, words: Sequence[str]) -> Reading:
    """The flows of the working tree. A file that cannot be read is in the reading, even where it was named itself.

    Raises:
        InputError: a path is not there, or a flow is not there.
    """
    base = lock_folder(workspace)
    try:
        return read_flows(words, base, workspace.vocabulary, workspace.catalogue, every=True)
    except SourceError as error:
        targets = tuple(parse_target(word) for word in words)
        if len(words) > 1:
            parts = [read_tree(workspace, [word]) for word in words]
            flows = {flow.name: flow for part in parts for flow in part.flows}
            unread = tuple(one for part in parts for one in part.unread)
            return Reading(targets, tuple(flows[name] for name in sorted(flows)), unread)
        if not targets[0].path.is_file():
            raise
        return Reading(targets, (), (Unread(name_of(targets[0].path, base), error),))


def read_held(workspace: Workspace, words: Sequence[str], lock: Lock) -> Reading:
    """As :func:`read_tree`, also where what the lock file holds is gone: a deleted file, a folder without a flow.

    Raises:
        InputError: as :func:`read_tree`, of what neither the source nor the lock file has.
    """
    gone = {word: Target(*_split(word)) for word in words if not _split(word)[0].exists()}
    gone = {word: target for word, target in gone.items() if _holds(workspace, lock, target)}
    rest = [word for word in words if word not in gone]
    try:
        reading = read_tree(workspace, rest) if rest else Reading((), ())
    except FlowNotFound:
        targets = tuple(parse_target(word) for word in rest)
        if any(target.function for target in targets) or not any(_holds(workspace, lock, one) for one in targets):
            raise
        reading = Reading(targets, ())
    return replace(reading, targets=(*reading.targets, *gone.values()))


def _holds(workspace: Workspace, lock: Lock, target: Target) -> bool:
    return any(covers(workspace, Reading((target,), ()), name) for name in lock.flows)


def side_of_tree(reading: Reading) -> Side:
    """What was read, as a side. A plan that has no hash counts as not read: nothing can be said of it."""
    return _hashed({flow.name: flow.plan for flow in reading.flows}, unreadable(reading.unread))


def _hashed(plans: Mapping[str, Plan], unread: list[CheckFinding], where: str = "") -> Side:
    hashes: dict[str, str] = {}
    for name, plan in plans.items():
        try:
            hashes[name] = plan_hash(plan)
        except CanonicalError as error:
            found = unreadable_file(name.rpartition(":")[0], error, where)
            unread.append(replace(found, flow=name, key=f"{error.code} {name}"))
    return Side({name: plan for name, plan in plans.items() if name in hashes}, tuple(unread), hashes)


def unreadable(unread: Iterable[Unread]) -> list[CheckFinding]:
    """The findings of files that could not be read."""
    return [
        found if one.flow is None else replace(found, flow=one.flow, key=f"{one.error.code} {one.flow}")
        for one in unread
        for found in [unreadable_file(one.file, one.error)]
    ]


def unreadable_file(file: str, error: GovflowError, where: str = "") -> CheckFinding:
    """The finding of one file. ``where`` says which revision it stands in."""
    at = f" (at {where})" if where else ""
    line = error.details.get("line")
    return CheckFinding(
        "GF303",
        file,
        f"{error.message}{at}",
        error.mend,
        file=file,
        line=line if isinstance(line, int) else None,
        key=error.code,
    )


def side_of_lock(workspace: Workspace, lock: Lock, reading: Reading) -> Side:
    """The locked flows that were read, or that would have been read if they were there."""
    names = {flow.name for flow in reading.flows}
    held = {name: flow for name, flow in lock.flows.items() if name in names or covers(workspace, reading, name)}
    return Side(
        {name: flow.plan for name, flow in held.items()},
        hashes={name: flow.plan_hash for name, flow in held.items()},
    )


def covers(workspace: Workspace, reading: Reading, name: str) -> bool:
    """Whether a flow of that name would be among those read, if it were there."""
    path, _, function = name.rpartition(":")
    place = Path(os.path.abspath(lock_folder(workspace) / path))
    places = {path, *map(str, PurePosixPath(path).parents)}
    if any(one.file in places and one.flow in (None, name) for one in reading.unread):
        return False  # it may well be there
    for target in reading.targets:
        root = Path(os.path.abspath(target.path))
        if place == root:
            if target.function in (None, function):
                return True
        elif place.is_relative_to(root) and not target.path.is_file():
            return True
    return False


def side_of_revision(workspace: Workspace, revision: Revision, words: Sequence[str]) -> Side:
    """The flows of a git revision below the given files and folders; words that are not there give nothing.

    Raises:
        SourceError: git fails, or a path is outside the repository.
    """
    base = lock_folder(workspace)
    plans: dict[str, Plan] = {}
    unread: dict[str, CheckFinding] = {}
    readers: dict[str, Reader] = {}  # by repository root: what one flow has read, the next does not read again
    for word in words:
        path, function = _split(word)
        place = inside(path, revision.top)
        for file in _python_files(revision, place):
            name = Path(os.path.relpath(revision.top / file, base)).as_posix()
            try:
                text = revision.read(file) or ""
                if "flow" in text and len(text) <= _MOST:
                    root = revision.root_of(file)
                    reader = readers.setdefault(root, Reader(revision.subtree(root), workspace.catalogue))
                    local = file.removeprefix(f"{root}/") if root else file
                    plans |= {f.name: f.plan for f in flows_of(reader, local, name, function)}
            except FlowNotFound:
                continue
            except SourceError as error:
                unread[name] = unreadable_file(name, error, revision.name)
    return _hashed(plans, [unread[name] for name in sorted(unread)], revision.name)


def diff_lock(workspace: Workspace, reading: Reading, lock: Lock) -> Comparison:
    """Code against lock; a locked flow counts as removed when what was read should have held it."""
    return diff_sides(workspace, side_of_lock(workspace, lock, reading), side_of_tree(reading))


def diff_revisions(workspace: Workspace, span: str, words: Sequence[str]) -> Comparison:
    """Two git revisions; neither is checked out.

    Args:
        workspace: policy and tiers to judge by: those that are here now, for both sides.
        span: ``BASE..HEAD``; an empty HEAD is the working tree. ``BASE...HEAD`` starts where the two parted, as in git.
        words: files or folders to look at.

    Raises:
        SourceError: no such revision, no git, a path outside the repository, or one that neither side has.
    """
    top = top_of(Path.cwd())
    base, dots, head = _ends(span)
    if dots == "...":
        base = merge_base(top, base, head or "HEAD")
    with Revision(top, base) as revision:
        old = side_of_revision(workspace, revision, words)
        missing = {word for word in words if not _is_in(revision, word)}
    if not head:
        _refuse_unknown(word for word in missing if not _split(word)[0].exists())
        return diff_sides(workspace, old, side_of_tree(_present(workspace, words)))
    with Revision(top, head) as revision:
        new = side_of_revision(workspace, revision, words)
        _refuse_unknown(word for word in missing if not _is_in(revision, word))
    return diff_sides(workspace, old, new)


def is_revision(word: str) -> bool:
    """Whether the repository of the working directory has a revision of that name."""
    try:
        with Revision(top_of(Path.cwd()), word):
            return True
    except SourceError:
        return False


def diff_files(workspace: Workspace, before: Path, after: Path) -> Comparison:
    """Two files, each a lock file or what ``govflow plan --format json`` wrote.

    Raises:
        LockError: one of them cannot be used.
    """
    return diff_sides(workspace, read_plan_file(before), read_plan_file(after))


def inside(path: Path, top: Path) -> str:
    """A path relative to the top of the repository.

    Raises:
        SourceError: it is outside.
    """
    place = Path(os.path.abspath(path))
    for root in (top, top.resolve()):
        for candidate in (place, place.resolve()):
            if candidate.is_relative_to(root):
                return candidate.relative_to(root).as_posix()
    raise SourceError(f"{path} is outside the git repository {top}.", mend="Give a path inside the repository.")


def _is_in(revision: Revision, word: str) -> bool:
    """Whether a file or folder is in a revision."""
    place = inside(_split(word)[0], revision.top)
    return place == "." or place in revision.files or any(file.startswith(f"{place}/") for file in revision.files)


def _refuse_unknown(words: Iterable[str]) -> None:
    """A path that neither side has is a slip, and no proof that nothing changed."""
    for word in sorted(words):
        raise SourceError(
            f"{_split(word)[0]}: neither side has such a file or folder.",
            mend="Give a path as it is on one of the two, relative to the current folder.",
        )


def _present(workspace: Workspace, words: Sequence[str]) -> Reading:
    """The working tree, where it may hold no flow: they may all have been removed."""
    try:
        return read_tree(workspace, [word for word in words if Path(_split(word)[0]).exists()])
    except FlowNotFound:
        return Reading((), ())


def _python_files(revision: Revision, place: str) -> list[str]:
    if place in revision.files:
        return [place]
    prefix = "" if place == "." else f"{place}/"
    return sorted(
        file
        for file in revision.files
        if file.endswith(".py") and file.startswith(prefix) and belongs(file.removeprefix(prefix))
    )


def _split(word: str) -> tuple[Path, str | None]:
    """``PATH`` or ``PATH:FLOW``, of a path that need not be there."""
    path, colon, function = word.rpartition(":")
    if colon and path.endswith(".py") and function and not Path(word).exists():
        return Path(path), function
    return Path(word), None


def _ends(span: str) -> tuple[str, str, str]:
    dots = "..." if "..." in span else ".."
    base, _, head = span.partition(dots)
    return base or "HEAD", dots, head
