"""Runs that wait for people, and the people who answer."""

from __future__ import annotations

import contextvars
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from govflow.approval.models import ApprovalRequest, RequestState, VoteDecision
from govflow.approval.rules import judge_vote
from govflow.store import Store

PATIENCE = 400.0  # seconds; it only bounds what would never end


class Background:
    """A flow that runs in another thread, with what came of it."""

    def __init__(self, flow: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=lambda: context.run(self._run, flow, args, kwargs), daemon=True)
        self._thread.start()

    def _run(self, flow: Callable[..., Any], args: Any, kwargs: Any) -> None:
        try:
            self.result = flow(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self.error = error

    def join(self) -> Any:
        """The result of the flow; raises what it raised."""
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            raise TimeoutError("The flow did not end.")
        if self.error is not None:
            raise self.error
        return self.result

    def end(self) -> None:
        """Wait for the end of the flow, whatever it is."""
        self._thread.join(PATIENCE)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()


def until(found: Callable[[], Any], what: str) -> Any:
    """Ask again and again until there is an answer."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        answer = found()
        if answer:
            return answer
        time.sleep(0.05)
    raise TimeoutError(what)


def pending(store: Store, count: int = 1) -> list[ApprovalRequest]:
    """The open requests, once there are as many as expected."""

    def look() -> list[ApprovalRequest] | None:
        found = store.approvals.list("default", RequestState.PENDING)
        return list(found) if len(found) >= count else None

    requests: list[ApprovalRequest] = until(look, f"{count} pending request(s)")
    return requests


def vote(store: Store, request: ApprovalRequest, name: str, decision: str = "approve", reason: str = "looked") -> None:
    """One person's vote at a terminal."""
    store.approvals.vote(
        request.request_id,
        name,
        frozenset({f"user:{name}"}),
        "claimed, not authenticated",
        VoteDecision(decision),
        reason,
        datetime.now(UTC),
        judge_vote,
    )


def token(store: Store, request: ApprovalRequest, name: str) -> str:
    """The token that a person was given for a request."""
    secret: str = store.tokens.mint(
        request.request_id,
        name,
        selectors=frozenset({f"user:{name}"}),
        assurance="claimed, not authenticated",
        now=datetime.now(UTC),
        random=secrets.token_bytes(32),
    )
    return secret
