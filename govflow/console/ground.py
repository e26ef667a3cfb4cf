"""What the console stands on: the workspace, with the policy as its files are now."""

from __future__ import annotations

import threading
import time
from typing import Final

from fastapi import Request

from govflow.services.policy_in_force import policy_changed, renewed
from govflow.services.resume_run import Engine
from govflow.services.workspace import Workspace
from govflow.settings import Settings

_LOOK: Final = 1.0  # seconds between two looks at the files of the policy


class Ground:
    """One for each application; safe to share between threads."""

    def __init__(self, workspace: Workspace, engine: Engine | None = None) -> None:
        self.engine = engine
        self.settings = workspace.settings
        self._workspace = workspace
        self._lock = threading.Lock()
        self._looked = time.monotonic()

    def workspace(self) -> Workspace:
        """The workspace of this moment.

        Raises:
            GovflowError: enforce mode, and the policy cannot be used any more.
        """
        with self._lock:
            now = time.monotonic()
            if now - self._looked >= _LOOK:
                if policy_changed(self._workspace, self._workspace.settings):
                    self._workspace = renewed(self._workspace, self._workspace.settings)
                self._looked = now
            return self._workspace


def ground_of(request: Request) -> Ground:
    """The ground of the application that answers."""
    ground = request.app.state.ground
    assert isinstance(ground, Ground)
    return ground


def workspace_of(request: Request) -> Workspace:
    """For routes: ``Depends(workspace_of)``.

    Raises:
        GovflowError: as :meth:`Ground.workspace`.
    """
    return ground_of(request).workspace()


def settings_of(request: Request) -> Settings:
    """The settings of the console: they stay, also where the policy cannot be read any more."""
    return ground_of(request).settings
