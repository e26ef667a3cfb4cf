"""What becomes of a run whose request was decided at the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from govflow.approval import ApprovalRequest
    from govflow.store import Store


def is_gone(store: Store, request: ApprovalRequest) -> bool:
    """Whether a process waited for this and is there no more."""
    from govflow.services import resume_run

    return resume_run.is_gone(store, request)


def resume(store: Store, request: ApprovalRequest, *, gone: bool) -> str:
    """Start a suspended run again once it has its answer; in words what became of it. Empty where a process waits."""
    from govflow.services.resume_run import resume_run

    return resume_run(store, request, prefect_engine, gone=gone).words


def prefect_engine(store: Store, request: ApprovalRequest) -> str:
    """The engine of :mod:`govflow.services.resume_run`. The adapter is loaded only where a run is suspended."""
    from govflow.prefect.resume import resume as again_in_prefect

    return again_in_prefect(store, request)
