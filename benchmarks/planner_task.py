"""One measurement of :mod:`benchmarks.planner`, in a process of its own: ``python -m benchmarks.planner_task WHAT …``.

All modules are imported first; what is loaded later (the catalogue of effects, the tier rules) counts. Prints JSON.
``serve`` imports once and forks for each line of its input, so that a round does not wait for seven imports.
"""

from __future__ import annotations

import io
import json
import os
import pkgutil
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import govflow

_NEEDED = ("cli", "governor", "ir", "planning", "policy", "services", "sources", "tiers", "approval", "settings")
_LIBRARIES = ("networkx", "rich.console", "rich.text", "yaml", "sqlglot", "orjson")


def import_everything() -> None:
    """The modules that a command needs, so that their import is not measured."""
    for module in pkgutil.walk_packages(govflow.__path__, "govflow."):
        parts = module.name.split(".")
        if parts[1] in _NEEDED and parts[-1] != "__main__":
            import_module(module.name)
    for name in _LIBRARIES:
        try:
            import_module(name)
        except ImportError:
            continue


def loop() -> float:
    """CPU of two million additions: what a busy machine adds to everything else can be read off it."""
    begun = time.process_time()
    total = 0
    for number in range(2_000_000):
        total += number
    return time.process_time() - begun


def command(*words: str) -> dict[str, float]:
    """CPU of a whole command but for the start of Python and its imports."""
    from govflow.cli.app import main

    shown = io.StringIO()
    sys.argv = ["govflow", *words]
    begun = time.process_time()
    with redirect_stdout(shown):
        code = main()
    used = time.process_time() - begun
    return {"cpu": used, "code": code, "characters": len(shown.getvalue())}


def large(before: str, after: str) -> dict[str, float]:
    """A flow of many steps that changed: read and plan it, hash it, compare it; then once more, unchanged."""
    from govflow.ir.diff import diff
    from govflow.ir.hashing import plan_hash
    from govflow.planning.planner import plan_flow
    from govflow.planning.source import MemoryTree

    approved = plan_flow(MemoryTree({"f.py": Path(before).read_text()}), "f.py").plan
    approved_hash = plan_hash(approved)
    tree = MemoryTree({"f.py": Path(after).read_text()})
    begun = time.process_time()
    loaded = plan_flow(tree, "f.py").plan
    planned = time.process_time()
    loaded_hash = plan_hash(loaded)
    hashed = time.process_time()
    found = diff(approved, loaded, approved_hash=approved_hash, loaded_hash=loaded_hash)
    ended = time.process_time()
    same = diff(approved, approved, approved_hash=approved_hash, loaded_hash=approved_hash)
    unchanged = time.process_time() - ended
    assert found and not same
    return {
        "cpu": ended - begun,
        "plan": planned - begun,
        "hash": hashed - planned,
        "diff": ended - hashed,
        "unchanged": unchanged,
        "steps": len(loaded.steps),
    }


def run(words: list[str]) -> dict[str, float]:
    """Do what was asked."""
    kinds: dict[str, Callable[..., dict[str, float]]] = {"command": command, "large": large}
    return {**kinds[words[0]](*words[1:]), "loop": loop()}


def serve() -> None:
    """Answer each line ``[folder, word, …]`` with a line of JSON, measured in a fork that nothing was measured in."""
    for line in sys.stdin:
        folder, *words = json.loads(line)
        child = os.fork()
        if not child:
            _answer(folder, words)
        _, status = os.waitpid(child, 0)
        if status:
            print(json.dumps({"error": f"the process ended with status {status}"}), flush=True)


def _answer(folder: str, words: list[str]) -> NoReturn:
    answer: dict[str, Any]
    try:
        os.chdir(folder)
        answer = dict(run(words))
    except BaseException:  # noqa: BLE001  the fork ends here, whatever it was
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
    os._exit(0)


if __name__ == "__main__":
    import_everything()
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        print(json.dumps(run(sys.argv[1:])))
