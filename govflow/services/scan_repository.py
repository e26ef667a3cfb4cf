"""Everything that the flows of a repository do, read without changing it: no lock file, no database, no import.

Made for repositories that nobody wrote for govflow. What cannot be read is reported beside what can: one bad file, or a
failure of the reader itself, never ends a scan.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from govflow.errors import GovflowError, SourceError
from govflow.governor.assess import Assessment, assess
from govflow.ir.models import Plan, Step, Tier
from govflow.services.deeds import Deed, deeds_of
from govflow.services.find_files import FoundFiles, find_files
from govflow.services.plan_flows import FlowPlan, Readers, Target, Unread, parse_target, place_in
from govflow.services.workspace import Workspace

Progress = Callable[[int, int], None]
"""Called with how many files have been read, and how many there are."""


@dataclass(frozen=True, slots=True)
class ScannedFlow:
    """A flow, judged. ``name`` is ``<path>:<function>``, the path relative to the scan's base."""

    name: str
    plan: Plan
    judged: Assessment
    deeds: dict[str, tuple[Deed, ...]]  # by step id

    @property
    def tier(self) -> Tier:
        """The highest tier of any step."""
        return self.judged.tier

    def place(self, step: Step) -> tuple[str, int | None]:
        """File, relative to the scan's base, and line of a step's call; of a body, the flow's file."""
        return place_in(self.name, step)


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found, the flows by name."""

    workspace: Workspace
    targets: tuple[Target, ...]
    base: Path  # what paths are relative to
    flows: tuple[ScannedFlow, ...]
    unread: tuple[Unread, ...]
    passed_over: tuple[tuple[str, str], ...]  # path, and why
    files: int  # Python files that were looked at

    @property
    def tier(self) -> Tier:
        """The highest tier of any flow."""
        return max((flow.tier for flow in self.flows), default=Tier.MINIMAL)


def scan_repository(
    workspace: Workspace, words: Sequence[str], base: Path, progress: Progress = lambda done, all_: None
) -> Scan:
    """Read and judge every flow of files and folders. Nothing is imported, run or written.

    Args:
        workspace: policy, tiers, and the environment to judge for.
        words: ``PATH`` or ``PATH:FLOW``.
        base: what paths are relative to, if all of ``words`` lie in it; else the folder that was named first.
        progress: told about every file.

    Raises:
        SourceError: one of ``words`` is not there.
    """
    targets = tuple(parse_target(word) for word in words)
    base = _base(targets, base)
    searched = [(target, find_files(target.path)) for target in targets]
    total = sum(len(found.files) for _, found in searched)
    flows: dict[str, ScannedFlow] = {}
    unread: dict[str, Unread] = {}
    done = 0
    for target, found in searched:
        readers = Readers(workspace.catalogue, otherwise=target.path if target.path.is_dir() else None)
        for file in found.files:
            for read in _read(workspace, readers, file, target, base):
                if isinstance(read, Unread):
                    unread.setdefault(read.file, read)
                else:
                    flows.setdefault(read.name, read)
            done += 1
            progress(done, total)
        for folder, error in found.unreadable:
            place = _shown(folder, base)
            unread.setdefault(place, Unread(place, SourceError(f"{place} cannot be read: {error.strerror or error}")))
    return Scan(
        workspace=workspace,
        targets=targets,
        base=base,
        flows=tuple(sorted(flows.values(), key=lambda flow: flow.name)),
        unread=tuple(sorted(unread.values(), key=lambda one: one.file)),
        passed_over=_passed_over([found for _, found in searched], base),
        files=sum(found.looked_at for _, found in searched),
    )


def _read(workspace: Workspace, readers: Readers, file: Path, target: Target, base: Path) -> list[ScannedFlow | Unread]:
    """The flows of one file, or why there are none. A flow that cannot be judged does not hide the others."""
    shown = _shown(file, base)
    try:
        found = readers.flows(file, base, target.function)
    except GovflowError as error:
        return [Unread(shown, error)]
    except Exception as error:  # noqa: BLE001  a scan says what it could not read, whatever the reason is
        return [Unread(shown, _failure(shown, error))]
    return [judged_flow(workspace, flow, shown) for flow in found]


def judged_flow(workspace: Workspace, flow: FlowPlan, shown: str) -> ScannedFlow | Unread:
    """Judge one flow; ``shown`` names its file if that fails."""
    ground = workspace.ground
    try:
        judged = assess(flow.plan, ground, workspace.requester(), workspace.opened_at)
        deeds = {
            step.step_id: deeds_of(step, judged.steps[step.step_id], ground.tiers, ground.environment)
            for step in flow.plan.steps
        }
    except GovflowError as error:
        return Unread(shown, error)
    except Exception as error:  # noqa: BLE001  as above
        return Unread(shown, _failure(shown, error))
    return ScannedFlow(flow.name, flow.plan, judged, deeds)


def _failure(shown: str, error: Exception) -> SourceError:
    return SourceError(
        f"{shown}: the reader failed: {type(error).__name__}",
        mend="This is a fault of govflow, and its flows are not in the report: please report it with the file.",
        details={"file": shown},
    )


def _base(targets: Sequence[Target], wanted: Path) -> Path:
    root = wanted.resolve()
    if all(target.path.resolve().is_relative_to(root) for target in targets):
        return root
    first = targets[0].path.resolve()
    return first if first.is_dir() else first.parent


def _shown(path: Path, base: Path) -> str:
    return Path(os.path.relpath(os.path.abspath(path), base)).as_posix()


def _passed_over(searched: Sequence[FoundFiles], base: Path) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({(_shown(path, base), why) for found in searched for path, why in found.passed_over}))
