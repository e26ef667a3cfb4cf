"""Functions of outside code that are given to outside code, which calls them: ``to_thread(os.remove, path)``."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from govflow.planning.arguments import Arguments
from govflow.planning.effects.recording import after_function, after_method
from govflow.planning.members import iterate
from govflow.planning.values import Container, Data, External, Method, Partial, Value

if TYPE_CHECKING:
    from govflow.planning.machine import Machine

_EACH: Final = frozenset({"map", "imap", "imap_unordered", "starmap", "map_async", "starmap_async"})
_RUNNERS: Final = _EACH | {
    "to_thread",
    "submit",
    "run_in_executor",
    "run_sync",
    "run_in_threadpool",
    "Thread",
    "Process",
    "Timer",
    "apply",
    "apply_async",
    "register",
    "call_soon",
    "call_later",
}


def note_handed_over(machine: Machine, callee: str, given: Arguments, node: ast.AST) -> None:
    """Note what functions of outside code among the arguments do, as if they were called.

    Args:
        machine: the reading.
        callee: the last part of the name of what they are given to. One that is known to run what it is given is told
            apart: then functions that nobody knows count too.
        given: the arguments of that call.
        node: the call.
    """
    runs = callee in _RUNNERS
    for place, value in enumerate(given.positional):
        if isinstance(value, External | Method | Partial):
            rest = given.positional[place + 1 :]
            if callee in _EACH:
                rest = [iterate(machine, item) for item in rest]
            _note(machine, value, Arguments(rest, given.keywords if runs else {}), node, runs=runs)
    for value in given.keywords.values():
        if isinstance(value, External | Method | Partial):
            items = given.keywords.get("args")
            exact = isinstance(items, Container) and items.keys is None and items.exact
            rest = list(items.items) if exact and isinstance(items, Container) else []
            _note(machine, value, Arguments(rest), node, runs=runs)


def _note(machine: Machine, function: Value, given: Arguments, node: ast.AST, *, runs: bool) -> None:
    if isinstance(function, Partial):
        keywords = {**dict(function.keywords), **given.keywords}
        inner = Arguments([*function.positional, *given.positional], keywords, given.rest)
        if isinstance(function.target, External | Method):
            _note(machine, function.target, inner, node, runs=True)
    elif isinstance(function, External):
        call = machine.lookups.of(function.dotted).call
        if runs or (call is not None and not call.effect_none):
            after_function(machine, function.dotted, given, node, Data())
    elif isinstance(function, Method) and isinstance(function.receiver, Data) and runs:
        after_method(machine, function.receiver, function.name, given, node, Data())
