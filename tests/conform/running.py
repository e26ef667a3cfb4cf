"""Running a flow of a file on the Prefect server that is set, and reading back what the server recorded."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import runpy
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from govflow.ir.execution import ExecutedGraph, RunState

SETTLE_SECONDS = 120.0


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
        return run_named(module, flow)


def run_named(module: Any, flow: str) -> str:
    """The same for a flow of a module that is imported."""
    found = module
    for part in flow.split("."):
        found = getattr(found, part)
    return _run(found)


def run_in_script(root: Path, file: str, flow: str) -> str:
    """The same for a flow that a file defines only where it is started as a script."""
    return _run(runpy.run_path(str(root / file), run_name="__main__")[flow])


def _run(flow: Any) -> str:
    state = flow(return_state=True)
    if inspect.isawaitable(state):
        state = asyncio.run(_awaited(state))
    return str(state.state_details.flow_run_id)


async def _awaited(state: Any) -> Any:
    return await state


def settled(run_id: str, read: Callable[[str], ExecutedGraph]) -> ExecutedGraph:
    """What the server recorded, when it has all of it: it writes task runs from events, a moment later."""
    return all_settled([run_id], read)[run_id]


def all_settled(
    run_ids: Iterable[str], read: Callable[[str], ExecutedGraph], *, seconds: float = SETTLE_SECONDS
) -> dict[str, ExecutedGraph]:
    """The same for many runs, which settle while others are read."""
    end = time.monotonic() + seconds
    graphs: dict[str, ExecutedGraph] = {}
    waiting = list(run_ids)
    while waiting and time.monotonic() < end:
        for run_id in tuple(waiting):
            graph = read(run_id)
            if graph == graphs.get(run_id) and _is_over(graph):
                waiting.remove(run_id)
            graphs[run_id] = graph
        time.sleep(0.25 if waiting else 0)
    return graphs


def _is_over(graph: ExecutedGraph) -> bool:
    return all(state is not RunState.UNFINISHED for state in (graph.state, *(call.state for call in graph.calls)))
