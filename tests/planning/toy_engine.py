"""A toy stand-in for an engine: runs bodies at once and writes down from where each was called.

It reads frames the way the real adapter does, so that planned call sites can be compared with what the interpreter
itself reports. Standard library only: it runs as a script under every Python minor that is there, reading requests
from stdin, a line of JSON each, and writing the calls it saw to stdout.
"""

from __future__ import annotations

import asyncio
import builtins
import inspect
import json
import posixpath
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import CodeType, ModuleType
from typing import Any

Chain = list[tuple[str, int, int]]


@dataclass
class Calls:
    """What was called, and the frames above each call."""

    folder: str
    paths: frozenset[str]
    bodies: list[CodeType] = field(default_factory=list)
    seen: list[tuple[str, Chain]] = field(default_factory=list)

    def note(self, name: str, depth: int = 2) -> None:
        chain: Chain = []
        frame = sys._getframe(depth)
        while frame is not None:
            code = frame.f_code
            if code.co_filename in self.paths:
                _, end_line, _, end_column = next(islice(code.co_positions(), frame.f_lasti // 2, None))
                assert end_line is not None
                assert end_column is not None
                chain.append((posixpath.relpath(code.co_filename, self.folder or "."), end_line, end_column))
            if code in self.bodies:
                break
            frame = frame.f_back  # type: ignore[assignment] # the loop ends at None
        self.seen.append((name, chain))


class Task:
    def __init__(self, fn: Callable[..., Any], calls: Calls, **options: Any) -> None:
        self.fn, self.calls = fn, calls

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else Task(self.fn.__get__(owner, kind), self.calls)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.note(self.fn.__name__)
        return self._run(*args, **kwargs)

    def _run(self, *args: Any, wait_for: Any = None, return_state: Any = None, **kwargs: Any) -> Any:
        plain = [arg.value if isinstance(arg, Future) else arg for arg in args]
        return self.fn(*plain, **{k: v.value if isinstance(v, Future) else v for k, v in kwargs.items()})

    def submit(self, *args: Any, **kwargs: Any) -> Future:
        self.calls.note(self.fn.__name__)
        return Future(self._run(*args, **kwargs))

    def map(self, items: Any, *args: Any, **kwargs: Any) -> list[Future]:
        self.calls.note(self.fn.__name__)
        return [Future(self._run(item, *args, **kwargs)) for item in items]

    def with_options(self, **options: Any) -> Task:
        return Task(self.fn, self.calls)


@dataclass
class Future:
    value: Any

    def result(self) -> Any:
        return self.value

    def wait(self) -> None:
        """Nothing to wait for."""


class Flow:
    def __init__(self, fn: Callable[..., Any], calls: Calls) -> None:
        self.fn, self.calls = fn, calls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.note(self.fn.__name__)
        return self.fn(*args, **kwargs)


def run_flow(files: Mapping[str, str], path: str, function: str, *args: Any) -> list[tuple[str, Chain]]:
    """Execute a flow for real; the name of every task that was called and the frames above the call."""
    calls = Calls(posixpath.dirname(path), frozenset(files))
    modules: dict[str, ModuleType] = {}

    def decorate(kind: Any) -> Callable[..., Any]:
        def decorator(fn: Any = None, **options: Any) -> Any:
            return (lambda inner: kind(inner, calls)) if fn is None else kind(fn, calls)

        return decorator

    engine = ModuleType("prefect")
    vars(engine).update(task=decorate(Task), flow=decorate(Flow), unmapped=lambda value: value)

    def file_of(name: str) -> str:
        return posixpath.join(posixpath.dirname(path), name.replace(".", "/") + ".py")

    def load(name: str) -> ModuleType:
        if name not in modules:
            module = modules[name] = ModuleType(name)
            vars(module)["__builtins__"] = {**vars(builtins), "__import__": import_toy}
            exec(compile(files[file_of(name)], file_of(name), "exec", dont_inherit=True), vars(module))
        return modules[name]

    def import_toy(name: str, scope: Any = None, local: Any = None, names: Any = (), level: int = 0) -> Any:
        if name == "prefect":
            return engine
        return load(name) if file_of(name) in files else __import__(name, scope, local, names, level)

    flow = vars(load(posixpath.basename(path).removesuffix(".py")))[function]
    calls.bodies.append(flow.fn.__code__)
    result = flow.fn(*args)
    if inspect.iscoroutine(result):
        asyncio.run(result)
    return calls.seen


if __name__ == "__main__":
    for line in sys.stdin:
        request = json.loads(line)
        found = run_flow(request["files"], request["path"], request["function"], *request["args"])
        print(json.dumps(found), flush=True)
