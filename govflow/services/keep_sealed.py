"""Checkpoints that nobody has to ask for: where a run ends, after so many records, after so many seconds.

Who holds the key makes them: the process of a flow (``signer=embedded``), or the signer. Any number of processes may
look after one log: whoever comes second finds nothing left to sign. A seal that fails fails nothing else.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from govflow.errors import GovflowError
from govflow.services.ask_witnesses import ask_witnesses, lacking
from govflow.services.seal_log import seal
from govflow.services.workspace import Workspace
from govflow.settings import Settings
from govflow.store.seals import Sealed, Unsealed
from govflow.telemetry import get_logger

LOOK_SECONDS: Final = 5.0
"""Between two looks at what is not sealed yet."""
ASK_SECONDS: Final = 60.0
"""Between two attempts at a witness that has not cosigned the newest checkpoint."""

_log = get_logger(__name__)


def is_due(unsealed: Unsealed, settings: Settings, now: datetime) -> bool:
    """Whether a checkpoint is to be made now, of a log with these records behind the newest one."""
    if unsealed.since is None:
        return False
    if settings.seal_runs and unsealed.run_ended:
        return True
    if settings.seal_records and unsealed.records >= settings.seal_records:
        return True
    return bool(settings.seal_seconds) and (now - unsealed.since).total_seconds() >= settings.seal_seconds


@dataclass(slots=True)
class Sealing:
    """Looks after one log. ``complaint`` is why the last try failed; each is told once."""

    complaint: str = ""
    asked_at: float = -ASK_SECONDS

    def look(self, workspace: Workspace) -> Sealed | None:
        """Make a checkpoint if one is due; what was made. Never raises."""
        settings, now = workspace.settings, datetime.now(UTC)
        try:
            if is_due(workspace.store.seals.unsealed(settings.tenant), settings, now):
                made = seal(workspace, now)
                self.complaint = ""
                self._show(workspace, now)
                return made
            self._show(workspace, now)
        except GovflowError as error:
            self._complain(error)
        return None

    def _show(self, workspace: Workspace, now: datetime) -> None:
        """Show the newest checkpoint, whoever made it, to the witnesses that have not cosigned it."""
        if not workspace.settings.witnesses or time.monotonic() < self.asked_at + ASK_SECONDS:
            return
        newest = workspace.store.seals.newest(workspace.settings.tenant)
        if newest is not None and lacking(workspace, newest):
            self.asked_at = time.monotonic()
            ask_witnesses(workspace, newest, now)

    def seal(self, workspace: Workspace) -> Sealed | None:
        """Make a checkpoint of all that is written; what was made. Never raises."""
        try:
            made = seal(workspace, datetime.now(UTC))  # witnesses see it later: a run does not wait for them
            self.complaint = ""
            return made
        except GovflowError as error:
            self._complain(error)
            return None

    def _complain(self, error: GovflowError) -> None:
        if error.message != self.complaint:
            _log.warning("seal.failed", code=error.code, reason=error.message, mend=error.mend)
            self.complaint = error.message


class OpenRuns:
    """The governed runs of this process: while one is open a thread looks now and then, and each end makes a seal."""

    def __init__(self, look_seconds: float = LOOK_SECONDS) -> None:
        self._pause = look_seconds
        self._lock = threading.Lock()
        self._open = 0
        self._stop = threading.Event()
        self._sealing = Sealing()

    def opened(self, workspace: Workspace) -> None:
        """A run begins."""
        with self._lock:
            self._open += 1
            if self._open == 1 and _seals_itself(workspace.settings):
                self._stop = threading.Event()
                work = (self._sealing, workspace, self._stop, self._pause)
                threading.Thread(target=look_on, args=work, name="govflow-sealing", daemon=True).start()

    def ended(self, workspace: Workspace, *, whole: bool) -> None:
        """A run has ended. ``whole``: it is part of no other run."""
        with self._lock:
            self._open = max(self._open - 1, 0)
            if not self._open:
                self._stop.set()
        if whole and workspace.settings.seal_runs and _seals_itself(workspace.settings):
            self._sealing.seal(workspace)


def open_runs() -> OpenRuns:
    """Those of this process; a forked child begins with none."""
    mine = _by_process.get(os.getpid())
    return mine or _by_process.setdefault(os.getpid(), OpenRuns())


_by_process: dict[int, OpenRuns] = {}


def _seals_itself(settings: Settings) -> bool:
    """Whether a process of flows makes checkpoints; where it holds no key, the signer does."""
    return settings.signer == "embedded" and bool(settings.seal_runs or settings.seal_records or settings.seal_seconds)


def look_on(sealing: Sealing, workspace: Workspace, stop: threading.Event, pause: float) -> None:
    """Look again and again, until ``stop`` is set."""
    while not stop.wait(pause):
        sealing.look(workspace)
