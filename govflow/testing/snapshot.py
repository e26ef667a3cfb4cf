"""A plan that was looked at once and kept beside the test, in the form of a lock file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from govflow.testing.plan import PlanUnderTest

if TYPE_CHECKING:
    from govflow.ir.models import Plan

FOLDER: Final = "__plans__"
SUFFIX: Final = ".plan.json"

_UNFIT: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST: Final = 100  # characters of a file's name, before its suffix
_NO_CODE: Final = "sha256:" + "0" * 64


@dataclass(slots=True, eq=False)
class Snapshot:
    """The plan that this test is to find: ``assert plan == govflow_snapshot``.

    Nothing is written unless ``update`` says so, in CI or elsewhere.

    Args:
        folder: where the files of the test module are.
        test: the name of the test.
        update: take every plan that it is compared with as the right one.
        written: told each file that was written.
        label: tells several of one test apart.
        code: whether a change of code alone counts.
    """

    folder: Path
    test: str
    update: bool
    written: Callable[[Path], None]
    label: str = ""
    code: bool = True
    _compared: str | None = field(default=None, init=False)

    def __call__(self, label: str = "", *, code: bool = True) -> Snapshot:
        """Another snapshot of the same test.

        Args:
            label: part of its file's name; without it the file is that of the test.
            code: False compares steps, edges, resources and effects, and lets the code of bodies change.
        """
        return Snapshot(self.folder, self.test, self.update, self.written, label, code)

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return self.folder / f"{_file_name('.'.join(part for part in (self.test, self.label) if part))}{SUFFIX}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PlanUnderTest):
            return NotImplemented
        if self._compared not in (None, other.name):
            raise ValueError(
                f"one snapshot cannot hold {self._compared} and {other.name}: "
                'give the second a label, as in govflow_snapshot("second")'
            )
        self._compared = other.name
        plan = self._seen(other.plan)
        if self.update:
            self._write(other.name, plan)
            return True
        kept = self._kept()
        return kept is not None and _hash(kept) == _hash(plan)

    __hash__ = None  # type: ignore[assignment]  # what it is equal to changes when it is updated

    def explain(self, other: PlanUnderTest) -> list[str]:
        """Why the two are not equal, as ``govflow diff`` says it."""
        from govflow.services.describe import flow_diff_text
        from govflow.services.diff_plans import diff_plans

        kept = self._kept()
        if kept is None:
            return [f"{other.name} has no snapshot yet", f"look at it, then keep it with: {self._command()}"]
        change = diff_plans(other.workspace, other.name, kept, self._seen(other.plan))
        said = flow_diff_text(change).rstrip("\n").split("\n")
        return [*said, f"the plan that was kept: {self.path}", f"if the change is meant: {self._command()}"]

    def __repr__(self) -> str:
        return f"<snapshot {self.path.parent.name}/{self.path.name}>"

    def _command(self) -> str:
        return f'pytest --govflow-update -k "{self.test.partition("[")[0]}"'

    def _seen(self, plan: Plan) -> Plan:
        if self.code:
            return plan
        return plan.model_copy(
            update={"steps": tuple(step.model_copy(update={"code": _NO_CODE}) for step in plan.steps)}
        )

    def _kept(self) -> Plan | None:
        """The plan of the file; None when there is none.

        Raises:
            LockError: the file cannot be used.
        """
        from govflow.services.lock_file import read_lock

        if not self.path.is_file():
            return None
        return next((held.plan for held in read_lock(self.path).flows.values()), None)

    def _write(self, name: str, plan: Plan) -> None:
        from govflow.ir.lock import Lock, dump_lock

        text = dump_lock(Lock().with_flow(name, plan))
        if self.path.is_file() and self.path.read_bytes() == text.encode():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(text.encode())
        self.written(self.path)


def _hash(plan: Plan) -> str:
    from govflow.ir.hashing import plan_hash

    return plan_hash(plan)


def _file_name(test: str) -> str:
    """The test's name where it can be a file's; else what can be of it, and a digest that tells it from its likes."""
    fit = _UNFIT.sub("-", test).strip("-.")
    if fit == test and len(fit) <= _LONGEST:
        return fit
    return f"{fit[:_LONGEST]}-{hashlib.sha256(test.encode()).hexdigest()[:8]}"
