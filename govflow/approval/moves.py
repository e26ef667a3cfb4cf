"""Moving a request from state to state. The moves are data (:data:`govflow.approval.models.MOVES`)."""

from __future__ import annotations

from govflow.approval.models import MOVES, RequestState
from govflow.errors import RequestClosed


def move(state: RequestState, to: RequestState) -> RequestState:
    """``to``, if there is such a move.

    Raises:
        RequestClosed: there is not. ``details`` holds ``state`` and ``to``.
    """
    if to not in MOVES[state]:
        raise RequestClosed(
            f"The request is {state.value}; it cannot become {to.value}.",
            mend="Ask for a new approval." if is_final(state) else "",
            details={"state": state.value, "to": to.value},
        )
    return to


def is_final(state: RequestState) -> bool:
    """Whether nothing can follow this state."""
    return not MOVES[state]
