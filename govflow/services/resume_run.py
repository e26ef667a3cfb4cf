"""What becomes of a run once its request is decided: it goes on by itself, is started again, or somebody has to help.

The engine is a port: whoever has one hands it in, so that faces that must not know an engine can vote all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from govflow.approval import ApprovalRequest, RequestState
from govflow.errors import StoreError
from govflow.store import Store
from govflow.store.holds import Hold

RESUMED: Final = "resumed"

Engine = Callable[[Store, ApprovalRequest], str]
"""Has the suspended run of a request that is decided go on: :data:`RESUMED`, or why it was left as it is, in words."""


@dataclass(frozen=True, slots=True)
class Sequel:
    """What came of it.

    Attributes:
        kind: ``nothing``: a process waits, or people are still asked; ``gone``: the process that waited is no more;
            ``resumed``; ``stays``: the engine left it; ``unreached``: no engine could be asked.
        words: the same for people; empty for nothing.
    """

    kind: Literal["nothing", "gone", "resumed", "stays", "unreached"]
    words: str = ""


def is_gone(store: Store, request: ApprovalRequest) -> bool:
    """Whether a process waited for this and is there no more. Ask before deciding: whoever waits lets go afterwards."""
    if request.summary.get("wait") in ("suspend", "standing"):
        return False
    try:
        return not any(store.holds.is_held(request.binding.run_id, what) for what in Hold)
    except StoreError:  # whoever votes need not be able to write beside the database
        return False


def resume_run(store: Store, request: ApprovalRequest, engine: Engine | None, *, gone: bool) -> Sequel:
    """Start a suspended run again once it has its answer. It raises nothing: the answer counts whatever comes of this.

    Args:
        store: where the requests are.
        request: as it stands after the answer.
        engine: None where there is none.
        gone: what :func:`is_gone` said before the answer.
    """
    if request.state is RequestState.PENDING:
        return Sequel("nothing")
    if gone:
        said = "The process that waited for this is gone: `govflow reconcile --restart` has the run taken up again."
        return Sequel("gone", said)
    if request.summary.get("wait") != "suspend":
        return Sequel("nothing")
    again = f"Press Resume on its page in Prefect: flow run {request.binding.run_id}."
    if engine is None:
        return Sequel("unreached", f"The run was suspended. It cannot be started again from here. {again}")
    try:
        came_of_it = engine(store, request)
    except Exception as error:  # noqa: BLE001 - the vote counts, whatever becomes of the run
        kind = type(error).__name__
        return Sequel("unreached", f"The run was suspended. It could not be started again from here ({kind}). {again}")
    if came_of_it == RESUMED:
        return Sequel("resumed", "The run was suspended. It goes on at the next poll of its runner.")
    return Sequel("stays", f"The run was suspended. It stays: {came_of_it}.")
