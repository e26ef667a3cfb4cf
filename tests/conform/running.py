"""Running a flow of a file on the Prefect server that is set, and reading back what the server recorded."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from govflow.ir.execution import ExecutedGraph, RunState

SETTLE_SECONDS = 30.0


@contextmanager
def module_of(root: Path, file: str) -> Iterator[Any]:
    """The module of a file, imported the way its author runs it: a script, or a module of a package."""
    path = root / file
    package = (path.parent / "__init__.py").exists()
    folder, name = path.parent, path.stem
    while package and (folder / "__init__.py").exists():
        folder, name = folder.parent, f"{folder.name}.{name}"
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
        for new in set(sys.modules) - before:
            origin = getattr(sys.modules[new], "__file__", None)
            if origin is not None and Path(origin).is_relative_to(root):
                del sys.modules[new]


def run_flow(root: Path, file: str, flow: str) -> str:
    """Run a flow with its defaults; the id of its run. A flow that fails has a run too."""
    with module_of(root, file) as module:
        found: Any = module
        for part in flow.split("."):
            found = getattr(found, part)
        state = found(return_state=True)
        if inspect.isawaitable(state):
            state = asyncio.run(_awaited(state))
    return str(state.state_details.flow_run_id)


async def _awaited(state: Any) -> Any:
    return await state


def settled(run_id: str, read: Callable[[str], ExecutedGraph]) -> ExecutedGraph:
    """What the server recorded, when it has all of it: it writes task runs from events, a moment later."""
    end = time.monotonic() + SETTLE_SECONDS
    before: ExecutedGraph | None = None
    while True:
        graph = read(run_id)
        open_calls = any(call.state is RunState.UNFINISHED for call in graph.calls)
        if (graph == before and not open_calls and graph.state is not RunState.UNFINISHED) or time.monotonic() > end:
            return graph
        before = graph
        time.sleep(0.25)
