"""The signer: a process that holds the private key, and signs what the database bears out. See docs/permits.md.

It seals the audit log as well: where it runs, the processes of flows hold no key.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from govflow.audit.record import Draft
from govflow.errors import GovflowError, KeyFileError, PermitError, PermitRefused, PermitRevoked, StoreError
from govflow.services.ask_signer import signing
from govflow.services.examine_request import examine
from govflow.services.keep_sealed import LOOK_SECONDS, Sealing, look_on
from govflow.services.sign_permits import AnsweredElsewhere, sign_and_keep
from govflow.services.signing_keys import signing_key
from govflow.services.workspace import Workspace
from govflow.store.permit_requests import PermitRequest
from govflow.telemetry import get_logger

QUICK: Final = 0.05  # seconds between two looks while something waits, and for a while after
SLOW: Final = 0.25  # seconds between two looks when nothing has waited for long
_SLOWER: Final = 1.05  # from one idle look to the next
_RETRY: Final = 2.0  # seconds before the database is tried again

_log = get_logger(__name__)


def serve(workspace: Workspace, stop: threading.Event, ready: Callable[[str], None] = lambda kid: None) -> None:
    """Answer requests until ``stop`` is set. Any number of signers may serve one database.

    Args:
        workspace: whose store and key.
        stop: set it from a signal handler or another thread.
        ready: called once with the name of the key, when requests are answered from then on.

    Raises:
        KeyFileError: the private key cannot be used.
        StoreError: the database cannot be opened.
    """
    key = signing_key(workspace, datetime.now(UTC))
    with signing(workspace.settings):
        ready(key.kid)
        pause = QUICK
        # In a thread of its own: a witness that is slow keeps no run waiting for its permit.
        work = (Sealing(), workspace, stop, LOOK_SECONDS)
        threading.Thread(target=look_on, args=work, name="govflow-sealing", daemon=True).start()
        while not stop.is_set():
            try:
                answered = answer_all(workspace)
            except StoreError as error:
                _log.error("signer.store_unavailable", reason=error.message)
                stop.wait(_RETRY)
                continue
            pause = QUICK if answered else min(pause * _SLOWER, SLOW)
            stop.wait(pause)


def answer_all(workspace: Workspace) -> int:
    """Answer every request that waits now; how many were looked at.

    Raises:
        StoreError: the database cannot be used.
        KeyFileError: the private key cannot be used any more.
    """
    requests = workspace.store.permit_requests.pending(datetime.now(UTC))
    for request in requests:
        answer(workspace, request)
    return len(requests)


def answer(workspace: Workspace, request: PermitRequest) -> None:
    """Sign what is asked for, or say no; once, however many signers look at it.

    Raises:
        StoreError: the database cannot be used; the request waits.
        KeyFileError: the private key cannot be used.
    """
    now = datetime.now(UTC)
    try:
        asked = examine(workspace, request)
        # Its dates and its name are the signer's: neither the clock nor the choice of the one who asks counts.
        life = min(asked.expires_at - asked.issued_at, timedelta(seconds=workspace.settings.permit_ttl_seconds))
        sign_and_keep(workspace, asked.renewed(str(uuid4()), now, life), "process", request.request_id)
        _log.info("permit.signed", run_id=request.run_id)
    except AnsweredElsewhere:
        return
    except (StoreError, KeyFileError):
        raise
    except PermitError as refusal:
        _say_no(workspace, request, refusal, now)
    except GovflowError as error:
        _say_no(workspace, request, PermitRefused(f"The signer could not judge this: {error.message}"), now)


def _say_no(workspace: Workspace, request: PermitRequest, refusal: PermitError, now: datetime) -> None:
    cause = refusal.details.get("cause", "revoked" if isinstance(refusal, PermitRevoked) else "unknown")
    said = {"code": refusal.code, "cause": str(cause), "reason": refusal.message, "request_id": request.request_id}
    draft = Draft(
        "permit.refused",
        request.tenant,
        now,
        subject="govflow",
        run_id=request.run_id,
        correlation=request.run_id,
        payload=said,
    )
    reason = f"{refusal.message}\n{refusal.mend}"  # what to do next is the last line: the run says both
    workspace.store.permit_requests.refuse(request.request_id, refusal.code, reason, draft)
    _log.warning("permit.refused", run_id=request.run_id, cause=str(cause))
