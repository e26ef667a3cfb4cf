"""Keeping the permits of this process's runs alive: one thread renews each before it is over, while its run is open."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from govflow.errors import GovflowError, PermitRefused, PermitRevoked, SignerAbsent, StoreError
from govflow.permits.models import Permit
from govflow.services.ask_signer import WAIT_SECONDS
from govflow.services.permits import issue_permit, renew_permit
from govflow.services.workspace import Workspace
from govflow.store.permits import IssuedPermit
from govflow.telemetry import get_logger

_SOON: Final = 0.2  # seconds: no run is looked at more often
_RETRY: Final = 5.0  # seconds until the next attempt after one that failed for reasons that pass

_log = get_logger(__name__)


@dataclass(slots=True)
class _Held:
    workspace: Workspace
    due: float  # on the monotonic clock


class PermitKeeper:
    """Renews permits in the background. A run that ends, or whose permits are revoked, is let go by itself."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[str, _Held] = {}
        self._thread: threading.Thread | None = None

    def keep(self, workspace: Workspace, permit: Permit | IssuedPermit) -> None:
        """Renew ``permit`` from now on, for as long as its run is open and ``workspace`` is."""
        with self._changed:
            self._held[permit.run_id] = _Held(workspace, _due(permit))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="govflow-permits", daemon=True)
                self._thread.start()
            self._changed.notify()

    def let_go(self, run_id: str) -> None:
        """Renew the permit of a run no more. Nothing happens if it was let go before."""
        with self._changed:
            self._held.pop(run_id, None)
            self._changed.notify()

    def keeps(self, run_id: str) -> bool:
        """Whether the permit of a run is being renewed."""
        with self._changed:
            return run_id in self._held

    def forget_all(self) -> None:
        """In a forked child: the runs are the parent's."""
        self._begin()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._held:
                    self._thread = None
                    return
                run_id, held = min(self._held.items(), key=lambda item: item[1].due)
                left = held.due - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
            due = _renewed(held.workspace, run_id)
            with self._changed:
                if self._held.get(run_id) is not held:
                    continue  # let go, or kept anew, in the meantime
                if due is None:
                    del self._held[run_id]
                else:
                    held.due = due


KEEPER: Final = PermitKeeper()
"""The one of this process."""


def issue_and_keep(workspace: Workspace, permit: Permit, *, wait: float = WAIT_SECONDS) -> str:
    """As :func:`govflow.services.permits.issue_permit`; this process then renews the permit while its run is open."""
    token = issue_permit(workspace, permit, wait=wait)
    issued = workspace.store.permits.newest(permit.tenant, permit.run_id)
    if issued is not None:  # its dates are the signer's, who may have given it less time than was asked for
        KEEPER.keep(workspace, issued)
    return token


os.register_at_fork(after_in_child=KEEPER.forget_all)


def _due(permit: Permit | IssuedPermit) -> float:
    """When half of its life is over, on the monotonic clock."""
    half = permit.expires_at - (permit.expires_at - permit.issued_at) / 2
    return time.monotonic() + max((half - datetime.now(UTC)).total_seconds(), 0.0) + _SOON


def _renewed(workspace: Workspace, run_id: str) -> float | None:
    """Renew; when to look again, or None if there is nothing to renew any more."""
    if not workspace.is_open:
        return None
    try:
        return _due(renew_permit(workspace, run_id))
    except (StoreError, SignerAbsent) as error:
        _log.warning("permit.not_renewed", run_id=run_id, reason=error.message, again_in=_RETRY)
        return time.monotonic() + _RETRY
    except PermitRefused as error:
        # Most often the run has ended, and nobody said so here.
        _log.info("permit.not_renewed", run_id=run_id, reason=error.message)
    except PermitRevoked as error:
        _log.warning("permit.revoked", run_id=run_id, reason=error.message)
    except GovflowError as error:
        _log.error("permit.not_renewed", run_id=run_id, reason=error.message, mend=error.mend)
    return None
