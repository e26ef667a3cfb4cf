"""The governed runs of this process, and how a body finds its own."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Final, Protocol

from govflow.audit.template import Template
from govflow.errors import GovflowError, Refused
from govflow.governor.governed_run import GovernedRun
from govflow.governor.port import Port
from govflow.planning.effects.catalogue import Catalogue
from govflow.prefect.binding import Bound, bind
from govflow.prefect.memory import Memory
from govflow.prefect.origins import Origin
from govflow.services.policy_in_force import policy_changed, renewed
from govflow.services.workspace import Workspace
from govflow.settings import Settings, load_settings, stated_mode


@dataclass(slots=True)
class Active:
    """An open run with what its tasks need at every call."""

    run: GovernedRun
    bound: Bound
    port: Port
    lease: Lease | None = None  # of a run that another process opened
    background: bool = False  # the run is that of one task, which no flow called
    flow_code: CodeType | None = field(init=False)  # of the flow's function, up to which frames tell calls apart
    decided: dict[Any, Decided] = field(default_factory=dict)  # guarded function → what was decided of its calls
    marked: dict[tuple[int, ...], Marked] = field(default_factory=dict)  # ids of a task and frames → the task for them

    def __post_init__(self) -> None:
        sites = self.bound.sites
        self.flow_code = None if sites is None else sites.flow_code


@dataclass(slots=True)
class Decided:
    """The calls of one site, where nothing but their time and their task run tells one from another."""

    active: Active
    step_ids: frozenset[str]
    fn: Any  # the function
    code: CodeType  # that it had
    memory: Memory  # what it reads, as it was when it was decided
    intent: Template
    outcome: Template
    fill: Callable[[Template, int, str], None]  # writes a record of them


@dataclass(slots=True)
class Marked:
    """A copy of a task for the calls of one site, and what it was made from."""

    task: Any
    marked: Any
    held: dict[str, Any]  # what the task held
    hooks: tuple[Any, ...]  # its lists of hooks, which were empty
    codes: tuple[CodeType, ...]  # of the frames: as long as they are held their ids are theirs


class Lease(Protocol):
    """How long a run of another process may be gone on with here."""

    def is_due(self) -> bool:
        """Whether the permit has to be looked at again before anything more runs under it."""


CURRENT: Final[ContextVar[Active | None]] = ContextVar("govflow_active_run", default=None)
"""Set while a governed flow's body runs. Threads that Prefect starts for tasks carry a copy; processes do not."""


ENDED: Final = 64  # runs whose hooks may still have to be judged


class Runtime:
    """What is made once in a process: settings, policy, store, and a binding for each flow function."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reading = threading.Lock()  # held by the one thread that reads the policy; it may wait
        self._settings: Settings | None = None
        self._workspace: Workspace | None = None
        self._failure: GovflowError | None = None
        self._bound: dict[int, tuple[Any, Any, Catalogue, Bound]] = {}
        self._open: dict[str, Active] = {}
        self._ended: OrderedDict[str, Active] = OrderedDict()  # the last few: their hooks are still to come
        self._refused: OrderedDict[str, dict[tuple[str, int | None], Refused]] = OrderedDict()
        self._users: dict[str, int] = {}  # bodies that run here for runs of other processes

    def workspace(self) -> Workspace:
        """Settings, policy and store of this process, as the last run found them.

        Raises:
            GovflowError: they cannot be used, and never could; :meth:`for_run` tries again.
        """
        with self._lock:
            if self._workspace is not None:
                return self._workspace
            if self._failure is not None:
                raise self._failure
        return self.for_run()

    def for_run(self) -> Workspace:
        """What a run that opens now is decided by: the policy as its files are now, whole.

        Runs that are open keep what they have. May wait for a file that is being written.

        Raises:
            GovflowError: settings or policy cannot be used: enforce mode, and nothing new may run.
        """
        with self._reading:
            try:
                found = self._renewed()
            except GovflowError as error:
                with self._lock:
                    self._failure = error
                raise
            with self._lock:
                self._workspace, self._failure = found, None
            return found

    def _renewed(self) -> Workspace:
        current, settings = self._workspace, self._settings
        if current is None or settings is None:
            settings = self._settings = load_settings()
        if current is not None and not policy_changed(current, settings):
            return current
        return renewed(current, settings)

    def observing(self) -> bool:
        """Whether nothing is to be stopped here, even where nothing else can be known.

        Raises:
            GovflowError: settings or policy cannot be used, and nobody said to observe.
        """
        try:
            return self.workspace().mode == "observe"
        except GovflowError:
            if stated_mode() == "observe":
                return True
            raise

    def reload(self) -> None:
        """Read settings and policy again at the next run. Runs that are open keep what they have."""
        with self._lock:
            workspace, self._workspace, self._failure, self._settings = self._workspace, None, None, None
        if workspace is not None:
            workspace.close()

    def after_fork(self) -> None:
        """In the child: a thread of the parent may have held a lock, and there is none here to give it back."""
        self._lock, self._reading = threading.Lock(), threading.Lock()

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

    def entered(self, active: Active) -> None:
        """A body runs here for a run that another process, or another thread, opened."""
        run_id = active.run.facts.run_id
        with self._lock:
            self._users[run_id] = self._users.get(run_id, 0) + 1
            if active.lease is not None:
                self._open.setdefault(run_id, active)

    def left(self, active: Active) -> None:
        """That body has ended."""
        run_id = active.run.facts.run_id
        with self._lock:
            left = self._users.pop(run_id, 1) - 1
            if left:
                self._users[run_id] = left
        if not left and active.lease is not None:
            self.closed(active)

    def here(self, run_id: str) -> Active | None:
        """The run of that id, if this process opened it and it is open."""
        active = self._open.get(run_id)
        return active if active is not None and active.lease is None else None

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
            found = self._refused.setdefault(run_id, {})
            self._refused.move_to_end(run_id)
            for old in [one for one in self._refused if one not in self._open and one not in self._ended]:
                if len(self._refused) <= ENDED:
                    break
                if old != run_id:
                    del self._refused[old]
            return found

    def bound(self, fn: Any, origin: Origin, catalogue: Catalogue, *, lone: bool = False) -> Bound:
        """The plan of a flow function, made once for each function object, its code, and what its calls are read by.

        ``lone``: the function is that of a task that no flow calls.
        """
        code = getattr(fn, "__code__", None)
        with self._lock:
            known = self._bound.get(id(fn))
            if known is None or known[0] is not fn or known[1] is not code or known[2] is not catalogue:
                known = (fn, code, catalogue, bind(fn, origin, catalogue, lone=lone))
                self._bound[id(fn)] = known
            return known[3]


RUNTIME: Final = Runtime()
os.register_at_fork(after_in_child=RUNTIME.after_fork)
