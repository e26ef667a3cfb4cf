"""What is put into stores in these tests."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from govflow.approval.models import ApprovalRequest, ApprovalRule, Binding
from govflow.audit.record import Ack, Draft
from govflow.ir.models import Tier
from govflow.store import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def digest(letter: str) -> str:
    """A digest that tells itself from others."""
    return "sha256:" + letter * 64


def a_draft(event: str = "step.intent", tenant: str = "acme", **more: Any) -> Draft:
    """A record that could be."""
    return Draft(event, tenant, more.pop("at", NOW), **more)


def a_binding(**changed: Any) -> Binding:
    """What is approved in these tests."""
    fields = {
        "tenant": "acme",
        "flow": "flights",
        "run_id": "run-1",
        "step_id": "flights/delete#0",
        "ir_hash": digest("a"),
        "policy_digest": digest("b"),
        "parameters_digest": digest("c"),
    }
    return Binding(**{**fields, **changed})


def a_request(request_id: str = "req-1", *, required: int = 1, **changed: Any) -> ApprovalRequest:
    """A request by ``rita``, open for an hour."""
    return ApprovalRequest(
        request_id=request_id,
        binding=changed.pop("binding", a_binding()),
        rule=ApprovalRule(name="two-eyes", required=required),
        requester="rita",
        tier=Tier.HIGH,
        policy_rule="bulk-delete",
        reason="deletes more than 100 records",
        created_at=NOW,
        expires_at=changed.pop("expires_at", NOW + timedelta(hours=1)),
        **changed,
    )


def opened(request: ApprovalRequest) -> Draft:
    """The record of opening a request."""
    return a_draft("ir.approval_created", request.binding.tenant)


def forked(work: Callable[[], object]) -> int:
    """Run ``work`` in a forked child, which never comes back into pytest; the child's process id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on: a fork beside the flusher's thread
        child = os.fork()
    if child == 0:
        _run_and_leave(work)
    return child


def _run_and_leave(work: Callable[[], object]) -> NoReturn:
    code = 1
    try:
        work()
        code = 0
    except BaseException as error:  # noqa: BLE001  # told by the exit code
        print(repr(error), file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def reaped(*children: int) -> list[int]:
    """Wait for children; their exit codes, -9 for one that was killed."""
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def eventually(holds: Callable[[], bool], seconds: float = 240.0) -> bool:
    """Whether ``holds`` becomes true in that time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def together(store: Store, drafts: list[Draft]) -> list[Future[Ack]]:
    """Have all of them appended by threads that wait already when the first may write."""
    with ThreadPoolExecutor(len(drafts)) as pool:
        with store._writer.transaction():
            futures = [pool.submit(store.append, draft, durable=True) for draft in drafts]
            assert eventually(lambda: len(store._writer._together._queue) == len(drafts))
        return futures
