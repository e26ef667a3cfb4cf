"""Asking the signer's process: a request in the database, and the wait for its answer. No key is read here."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from govflow.errors import PermitMissing, PermitRefused, PermitRevoked, SignerAbsent, StoreError
from govflow.permits.models import Permit
from govflow.services.workspace import Workspace
from govflow.settings import Settings
from govflow.store.location import beside_database

WAIT_SECONDS: Final = 15.0
"""How long a run waits for the signer before it is refused."""
_POLL: Final = 0.02  # seconds between looks for the answer


def ask_signer(workspace: Workspace, permit: Permit, wait: float) -> str:
    """The signed text of ``permit``, from a signer.

    Raises:
        PermitRevoked: the run gets none any more.
        PermitRefused: the signer says no.
        SignerAbsent: none answered in ``wait`` seconds.
    """
    store, now, request_id = workspace.store, datetime.now(UTC), str(uuid4())
    store.permit_requests.file(request_id, permit, now, now + timedelta(seconds=wait))
    deadline = time.monotonic() + wait
    while True:
        request = store.permit_requests.get(request_id)
        if request is None:
            raise StoreError("The request for a permit is gone from the database.")
        if request.state == "refused":
            kind = PermitRevoked if request.code == PermitRevoked.code else PermitRefused
            message, _, mend = request.reason.rpartition("\n")
            raise kind(message, mend=mend, details={"request_id": request_id, "code": request.code})
        if request.state == "signed":
            token = store.permits.token(permit.tenant, permit.run_id)
            if token is None:
                raise PermitMissing(f"The permit of run {permit.run_id} was signed, and is gone from the database.")
            return token
        if time.monotonic() >= deadline:
            raise _absent(workspace, permit, wait)
        time.sleep(_POLL)


@contextmanager
def signing(settings: Settings) -> Iterator[None]:
    """While the block runs, :func:`signer_runs` says so: of this process, until it ends in whatever way."""
    lock = os.open(_lock_file(settings), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def signer_runs(settings: Settings) -> bool:
    """Whether a signer runs for this database on this machine."""
    try:
        lock = os.open(_lock_file(settings), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def _lock_file(settings: Settings) -> Path:
    return beside_database(settings.database_url, ".signer")


def _absent(workspace: Workspace, permit: Permit, wait: float) -> SignerAbsent:
    runs = signer_runs(workspace.settings)
    what = "the signer runs, and did not answer" if runs else "no signer runs on this machine"
    url = workspace.settings.redacted_url
    return SignerAbsent(
        f"Nothing signed the permit of run {permit.run_id} within {wait:g} s: {what} for {url}.",
        mend="See what it says of itself, where it was started."
        if runs
        else "Start it: govflow up (or govflow signer), with the same database. GOVFLOW_SIGNER=embedded does without.",
        details={"run_id": permit.run_id, "signer_runs": runs},
    )
