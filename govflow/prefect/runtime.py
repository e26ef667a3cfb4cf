"""The governed runs of this process, and how a body finds its own."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from govflow.errors import GovflowError, PolicyError, Refused, VocabularyError
from govflow.governor.port import Port
from govflow.governor.run import GovernedRun
from govflow.planning.effects.catalogue import Catalogue
from govflow.prefect.binding import Bound, bind
from govflow.prefect.origins import Origin
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import Settings, load_settings
from govflow.telemetry import get_logger

_log = get_logger(__name__)


@dataclass(slots=True)
class Active:
    """An open run with what its tasks need at every call."""

    run: GovernedRun
    bound: Bound
    port: Port


CURRENT: Final[ContextVar[Active | None]] = ContextVar("govflow_active_run", default=None)
"""Set while a governed flow's body runs. Threads that Prefect starts for tasks carry a copy; processes do not."""


ENDED: Final = 64  # runs whose hooks may still have to be judged


class Runtime:
    """What is made once in a process: settings, policy, store, and a binding for each flow function."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workspace: Workspace | None = None
        self._failure: GovflowError | None = None
        self._bound: dict[int, tuple[Any, Any, Catalogue, Bound]] = {}
        self._open: dict[str, Active] = {}
        self._ended: OrderedDict[str, Active] = OrderedDict()  # the last few: their hooks are still to come
        self._refused: dict[str, dict[tuple[str, int | None], Refused]] = {}

    def workspace(self) -> Workspace:
        """Settings, policy and store of this process, read at the first governed run.

        Raises:
            GovflowError: they cannot be used; every later call raises the same until :meth:`reload`.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._workspace is None:
                try:
                    self._workspace = _open(load_settings())
                except GovflowError as error:
                    self._failure = error
                    raise
            return self._workspace

    def reload(self) -> None:
        """Read settings and policy again at the next run. Runs that are open keep what they have."""
        with self._lock:
            workspace, self._workspace, self._failure = self._workspace, None, None
        if workspace is not None:
            workspace.close()

    def opened(self, active: Active) -> None:
        """A run is open in this process."""
        with self._lock:
            self._open[active.run.facts.run_id] = active

    def closed(self, active: Active) -> None:
        """Its flow's body has ended."""
        run_id = active.run.facts.run_id
        with self._lock:
            self._open.pop(run_id, None)
            self._ended[run_id] = active
            while len(self._ended) > ENDED:
                self._ended.popitem(last=False)

    def known(self, run_id: str) -> Active | None:
        """The run of that id, if it is open in this process or was until lately."""
        with self._lock:
            return self._open.get(run_id) or self._ended.get(run_id)

    def receiver(self, fn: Any) -> Active | None:
        """The one open run whose plan gives ``fn`` to other code: a plain thread carries no context of its run."""
        found = [
            active
            for active in tuple(self._open.values())
            if active.bound.sites is not None and active.bound.sites.handed_over(active.bound.name_of(fn))
        ]
        return found[0] if len(found) == 1 else None

    def enforcing(self) -> bool:
        """Whether a run that is enforced is open in this process."""
        return any(active.run.enforce for active in tuple(self._open.values()))

    def refused(self, run_id: str) -> dict[tuple[str, int | None], Refused]:
        """The answers that stand for a run in this process, over the attempts of its flow."""
        with self._lock:
            return self._refused.setdefault(run_id, {})

    def bound(self, fn: Any, origin: Origin, catalogue: Catalogue) -> Bound:
        """The plan of a flow function, made once for each function object, its code, and what its calls are read by."""
        code = getattr(fn, "__code__", None)
        with self._lock:
            known = self._bound.get(id(fn))
            if known is None or known[0] is not fn or known[1] is not code or known[2] is not catalogue:
                known = (fn, code, catalogue, bind(fn, origin, catalogue))
                self._bound[id(fn)] = known
            return known[3]


def _open(settings: Settings) -> Workspace:
    try:
        return open_workspace(settings)
    except (PolicyError, VocabularyError) as error:
        if settings.effective_mode == "enforce":
            raise
        # Observing stops nothing, and a broken file is nothing to judge by: the starter policy says what would be.
        _log.error("policy.unusable", reason=error.message, mend=error.mend)
        return open_workspace(settings.model_copy(update={"policy": None, "effects": (), "mode": "observe"}))


RUNTIME: Final = Runtime()
