"""Run flows of a folder one after the other and write down how each of them ended. A process of its own plays them.

``python -m tests.conform.play FOLDER OUT NAMES``: names are ``FILE:FLOW`` with commas between. Whether govflow is
there is decided by who starts this.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from prefect.exceptions import MissingResult

from tests.conform.running import module_of

TRIES = 3


def play(folder: Path, file: str, name: str) -> dict[str, Any]:
    """How one flow ended, played again where Prefect lost what it returned.

    Prefect's client sends a state once more if the answer to the first time did not arrive. The server, which has the
    state by then, answers with its own copy, and that has no data (``PreventDuplicateTransitions`` in its rules).
    """
    for left in reversed(range(TRIES)):
        try:
            return play_once(folder, file, name)
        except MissingResult:
            print(f"{file}:{name}: the state came back from the server, without its data", file=sys.stderr)
            if not left:
                raise
    raise AssertionError("not reached")


def play_once(folder: Path, file: str, name: str) -> dict[str, Any]:
    """How one flow ended: its state, and what it returned with the states in it as their types and data."""
    with module_of(folder, file) as module:
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part)
        state = found(return_state=True)
        if inspect.isawaitable(state):
            state = asyncio.run(_awaited(state))
        return {
            "state": [str(state.type.value), state.name, state.message],
            "run": str(state.state_details.flow_run_id),
            "result": repr(_told(state)),
        }


def _told(value: Any) -> Any:
    """A result without what differs from run to run: where it is stored, and ids."""
    if isinstance(value, State):
        result = value.result(raise_on_failure=False)
        result = asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result
        return (str(value.type.value), value.name, None if result is value else _told(result))
    if isinstance(value, (list, tuple, set)):
        return [_told(item) for item in value]
    return value


async def _awaited(value: Any) -> Any:
    return await value


def main(folder: str, out: str, names: str) -> None:
    """Play them all. One line of the file for each, written when it has ended."""
    with Path(out).open("w", buffering=1) as lines:
        for name in names.split(","):
            file, _, flow = name.rpartition(":")
            lines.write(json.dumps({"flow": name, **play(Path(folder), file, flow)}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
