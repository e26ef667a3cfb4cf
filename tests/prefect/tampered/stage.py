"""Where flows run whose plans a person has approved: enforce mode, one database, a folder for each try."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from govflow.audit.record import Draft
from govflow.errors import Refused
from govflow.ir.hashing import plan_hash
from govflow.ir.lock import Lock, dump_lock, plan_key
from govflow.ir.models import Plan
from govflow.planning.planner import plan_flow
from govflow.sources import WorkingTree
from govflow.store import Store
from tests.prefect.tampered.shapes import LIBRARY, SOURCES, TRACE

MODULES = ("flow", "library", "trace_file")


@dataclass(frozen=True)
class Ended:
    """How a try ended, and which bodies ran."""

    ran: tuple[str, ...]
    refused: Refused | None
    error: BaseException | None

    @property
    def passed(self) -> bool:
        return self.error is None


def files_of(shape: str) -> dict[str, str]:
    """The files of a flow as its author wrote them."""
    return {"flow.py": SOURCES[shape], "library.py": LIBRARY, "trace_file.py": TRACE}


class Stage:
    """Runs flows in this process."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.store = store
        self._tries = 0

    def write(self, files: dict[str, str], *, lock: bool = False) -> Path:
        """A folder with these files, and with a lock that says the same as they do."""
        self._tries += 1
        folder = self.folder / f"try-{self._tries}"
        folder.mkdir()
        (folder / "pyproject.toml").write_text("[project]\nname = 'somebody'\n")
        for name, text in files.items():
            (folder / name).write_text(text)
        if lock:
            plan = plan_flow(WorkingTree(folder), "flow.py", "main").plan
            (folder / "govflow.lock").write_text(dump_lock(Lock().with_flow("flow.py:main", plan)))
        return folder

    def approve(self, files: dict[str, str]) -> Plan:
        """Put the plan of a flow in force, as a person does who looked at it."""
        plan = plan_flow(WorkingTree(self.write(files)), "flow.py", "main").plan
        now = datetime.now(UTC)
        draft = Draft(event="plan.approved", tenant="default", at=now, subject="bob", flow=plan.flow, payload={})
        self.store.plans.approve("default", plan_key(plan), plan, plan_hash(plan), "bob", now, draft)
        return plan

    def run(
        self, files: dict[str, str], *, lock: bool = False, meddle: Callable[[ModuleType], object] | None = None
    ) -> Ended:
        """Load the flow, let ``meddle`` do what it likes to the loaded module, and run it."""
        folder = self.write(files, lock=lock)
        trace = folder / "trace"
        os.environ["GOVFLOW__TRACE"] = str(trace)
        error: BaseException | None = None
        with _imported(folder) as module:
            if meddle is not None:
                meddle(module)
                trace.write_text("")
            try:
                found: Any = module.main()
                if inspect.isawaitable(found):
                    asyncio.run(_awaited(found))
            except Exception as caught:  # noqa: BLE001 - handed to the test
                error = caught
        ran = tuple(trace.read_text().split("\n")[:-1]) if trace.exists() else ()
        return Ended(ran, error if isinstance(error, Refused) else None, error)


async def _awaited(value: Any) -> Any:
    return await value


class _imported:
    """The flow's module, freshly imported, as in a process that has just started."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def __enter__(self) -> ModuleType:
        sys.path.insert(0, self._folder)
        importlib.invalidate_caches()
        return importlib.import_module("flow")

    def __exit__(self, *error: object) -> None:
        sys.path.remove(self._folder)
        for name in MODULES:
            sys.modules.pop(name, None)
