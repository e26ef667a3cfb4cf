"""The gate: a flow run that is Paused in Prefect while people decide.

There is one gate for each flow run in a process. Tasks that wait at the same time stand behind it together, one request
each, in one pause: the run's state names all of them, and a token says which one it answers. Pressing Resume proves
nothing, a forced state proves nothing, a planted answer proves nothing: as long as a request is pending its body does
not run, and a run that somebody set Running or Scheduled is paused again under a new key.

Where steps of one run wait in several processes, one of them asks for all, and the next goes on with the same question
when it is gone. Which one it is, a lock of the kernel says (:mod:`govflow.store.holds`).

Each waiting thread sleeps until :mod:`govflow.prefect.lookout` wakes it. What has to be said to Prefect is said by
whichever of them is awake and has its hands free.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID
from weakref import WeakValueDictionary

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import Pause
from prefect.logging.loggers import flow_run_logger

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.errors import StoreError
from govflow.governor.explain import questions
from govflow.prefect.artifacts import publish_questions
from govflow.prefect.board import Board, Found
from govflow.prefect.judging import judge_answer
from govflow.prefect.lookout import Lookout, Waiter, lookout_of
from govflow.store.holds import Hold
from govflow.telemetry import get_logger

if TYPE_CHECKING:
    from govflow.prefect.port import PrefectPort

SETTLE: Final = 0.5  # seconds between two changes of the words, so that a thousand mapped tasks make few
SOON: Final = 0.05  # seconds until a run that stirred is looked at again; then twice as long, and so on
LATER: Final = 1.0  # seconds until a server that failed is asked again
STIRRED: Final = 2.0  # seconds for which a hint is followed up: an event can precede what it tells of
ELSEWHERE: Final = 1.0  # seconds after which a process that does not ask looks whether it has to
SAFETY: Final = 30.0  # seconds after which a waiting thread looks whether the lookout is still there

# Runs of this process that take their question down at the same time. All that wait may be approved in one go, and a
# server that a thousand of them ask in one second fails them: Prefect's engine gives up where a gate asks again.
LEAVING: Final = threading.BoundedSemaphore(4)

_log = get_logger(__name__)
_gates: WeakValueDictionary[UUID, Gate] = WeakValueDictionary()
_gates_lock = threading.Lock()


def gate_of(flow_run_id: UUID) -> Gate:
    """The gate of a flow run in this process; it is there for as long as somebody holds it."""
    with _gates_lock:
        gate = _gates.get(flow_run_id)
        if gate is None:
            gate = _gates[flow_run_id] = Gate(flow_run_id)
        return gate


class Gate:
    """Holds one flow run."""

    def __init__(self, flow_run_id: UUID) -> None:
        self.flow_run_id = flow_run_id
        self._lock = threading.Lock()
        self._waiters: dict[str, Waiter] = {}
        self._hands = threading.Lock()  # whoever holds it may use what follows
        self._board = Board(flow_run_id)
        self._client: SyncPrefectClient | None = None
        self._asks = False  # this process asks for all
        self._others: dict[str, ApprovalRequest] = {}  # requests that wait in other processes
        self._pending: frozenset[str] = frozenset()  # as the store last said, of all processes
        self._named: frozenset[str] = frozenset()  # the requests that the state names
        self._take_over = False  # another process asked before
        self._forced = False  # the run is in a state that Prefect's rules know no pause of
        self._not_before = 0.0  # when the words may be changed again
        self._again = 0.0  # when to look next, while `_until` is ahead
        self._until = 0.0
        self._step = SOON
        self._handed_over: State[Any] | None = None
        self._decided: list[ApprovalRequest] = []  # since the question was put up
        self._tidying: list[threading.Thread] = []

    def wait(self, request: ApprovalRequest, port: PrefectPort) -> ApprovalRequest:
        """Return ``request`` once it is not pending any more.

        Raises:
            Pause: somebody suspended the run: another process goes on with it, and the request stays open.
        """
        waiter = Waiter(request, self)
        with self._lock:
            self._waiters[request.request_id] = waiter
        lookout = lookout_of(port.store)
        lookout.add(waiter)
        try:
            current = self._until_decided(waiter, port, lookout)
            self._decided.append(current)
            self._tell(port, f"Request {current.request_id} is {current.state}.")
            return current
        except (Exception, Pause):
            raise
        except BaseException:
            # Interrupted, cancelled, told to end: nobody waits any more, so nobody should be asked any more.
            port.move(request.request_id, RequestState.REVOKED, "the run was interrupted")
            raise
        finally:
            lookout.remove(waiter)
            self._leave(waiter, port)

    def seen(self, state: State[Any] | None) -> None:
        """Prefect says that this is the state of the run."""
        if not self._board.stands(state):
            self.stirred()

    def stirred(self) -> None:
        """Something happened to the run: look at it, until what happened shows."""
        now = time.monotonic()
        self._again, self._until, self._step = now, now + STIRRED, SOON
        self.wake()

    def asked(self, pending: Sequence[str]) -> None:
        """The store says that these requests of the run are pending, in whichever process they wait."""
        known, self._pending = self._pending, frozenset(pending)
        if self._pending != known:
            self.wake()

    def wake(self, request_id: str | None = None) -> None:
        """Let a waiting thread look up: the one of that request, or any."""
        with self._lock:
            waiter = self._waiters.get(request_id) if request_id else next(iter(self._waiters.values()), None)
        if waiter is not None:
            waiter.event.set()

    def settle(self) -> None:
        """Wait until nothing of a question is left in Prefect."""
        while self._tidying:
            self._tidying.pop().join()

    def _until_decided(self, waiter: Waiter, port: PrefectPort, lookout: Lookout) -> ApprovalRequest:
        request = waiter.request
        while True:
            waiter.event.clear()
            current = port.current(request)
            if current.state is not RequestState.PENDING:
                return current
            if port.abandoned(request):
                return port.give_up(request)
            if self._handed_over is not None:
                raise Pause(state=self._handed_over)
            while not waiter.event.wait(self._tend(port)):
                if not lookout.looks():  # then this thread looks by itself, now and then
                    lookout.add(waiter)
                    break

    def _leave(self, waiter: Waiter, port: PrefectPort) -> None:
        with self._lock:
            self._waiters.pop(waiter.request.request_id, None)
            last = not self._waiters
        if last:
            with self._hands:
                with self._lock:
                    last = not self._waiters
                if last:
                    self._lower(port)
                    self._stop_asking(port)
        self.wake()  # somebody has to say that one fewer waits, or to ask anew

    def _waiting(self) -> list[Waiter]:
        with self._lock:
            return list(self._waiters.values())

    # What follows is said and heard by the one thread that has its hands free.

    def _tend(self, port: PrefectPort) -> float:
        """Do what is due; the seconds until something may be."""
        while self._due(port) <= time.monotonic():
            if not self._hands.acquire(blocking=False):
                return SAFETY  # whoever has them looks whether more is due before going back to sleep
            try:
                if not self._may_ask(port):
                    return ELSEWHERE
                if self._due(port) <= time.monotonic():
                    self._work(port)
            except Exception as error:  # noqa: BLE001 - a server or store that fails: stay closed, look again
                _log.warning("gate.retry", reason=f"{type(error).__name__}: {error}")
                self._again = time.monotonic() + LATER
                self._until = self._again + STIRRED
            finally:
                self._hands.release()
        return min(max(self._due(port) - time.monotonic(), 0.01), SAFETY)

    def _may_ask(self, port: PrefectPort) -> bool:
        """Whether this process asks; another one may, for all."""
        with self._lock:
            if not self._asks and self._waiters:
                self._asks = port.store.holds.take(str(self.flow_run_id), Hold.QUESTION)
                self._take_over = self._take_over or not self._asks
            return self._asks

    def _stop_asking(self, port: PrefectPort) -> None:
        with self._lock:
            if self._asks:
                self._asks = False
                port.store.holds.give_back(str(self.flow_run_id), Hold.QUESTION)

    def _due(self, port: PrefectPort) -> float:
        """The moment at which there is something to do, on the monotonic clock."""
        moments = [self._again] if time.monotonic() < self._until or not self._board.raised else []
        if self._to_name(port) != self._named:
            moments.append(max(self._not_before, self._again))
        return min(moments, default=time.monotonic() + SAFETY)

    def _to_name(self, port: PrefectPort) -> frozenset[str]:
        own = frozenset(waiter.request.request_id for waiter in self._waiting())
        return own | self._pending if port.shared else own

    def _asked(self, port: PrefectPort) -> list[ApprovalRequest]:
        """What people are asked: the pending requests of this process, and of the others that run parts of the run."""
        waiters = {waiter.request.request_id: waiter for waiter in self._waiting()}
        if not waiters:
            return []
        binding = next(iter(waiters.values())).request.binding
        pending = port.store.approvals.pending_ids(binding.tenant, binding.run_id)
        self._pending = frozenset(pending)
        for request_id in waiters.keys() - self._pending:
            waiters[request_id].event.set()
        asked = []
        for request_id in pending:
            if request_id in waiters:
                asked.append(waiters[request_id].request)
            elif port.shared:
                if request_id not in self._others:
                    self._others[request_id] = port.store.approvals.get(request_id)
                asked.append(self._others[request_id])
        return asked

    def _work(self, port: PrefectPort) -> None:
        now = time.monotonic()
        asked = self._asked(port)
        self._named = self._to_name(port)
        if not asked:
            self._again = now + LATER
            return
        if not self._board.raised:
            self._raise(asked, port)
        elif now < self._until:
            self._look(asked, port)
        else:
            self._reword(asked, port)
        self._not_before = time.monotonic() + SETTLE

    def _raise(self, asked: Sequence[ApprovalRequest], port: PrefectPort) -> None:
        client = self._connection()
        self._board.settings = port.workspace.settings
        if self._take_over and self._board.take_over(client):
            self._take_over, self._until = False, 0.0
            self._reword(asked, port)
            return
        if port.late_letters(asked):
            self._board.said, self._again = port.said, 0.0
            self._wake_all()
            return
        self._take_over, started = False, not self._forced
        if self._board.raise_question(client, port.store, asked, started=started) is not None:
            self._until, self._forced = 0.0, False
            self._tell(port, f"Waiting for approval. {questions(asked)}")
            self._show(asked, port)
            return
        self._look(asked, port)

    def _reword(self, asked: Sequence[ApprovalRequest], port: PrefectPort) -> None:
        client = self._connection()
        self._board.reword(client, port.store, asked)
        if self._board.has_letter(client):
            self._take_answer(asked, self._board.look(client)[1], port)
            self._again = 0.0
        else:
            self._show(asked, port)

    def _look(self, asked: Sequence[ApprovalRequest], port: PrefectPort) -> None:
        """See what Prefect says of the run, and answer it."""
        client = self._connection()
        found, state = self._board.look(client)
        self._again = time.monotonic() + (self._step if self._board.raised else LATER)
        self._step *= 2
        if found is Found.ENDED and state is not None:
            port.cancelled = state.is_cancelling() or state.is_cancelled()
            for request in asked:
                port.move(request.request_id, RequestState.REVOKED, f"the run was set {state.name}")
            self._wake_all()
        elif found is Found.SUSPENDED:
            self._board.take_down(client)
            self._handed_over = state
            self._wake_all()
        elif found is Found.FOREIGN:  # somebody else's pause: the question takes its place
            self._board.go_on(client, "A question of govflow takes the place of this pause.")
            self._board.take_down(client)
            self._again = 0.0
        elif found in (Found.TAKEN_DOWN, Found.SET_BACK):
            self._forced = found is Found.SET_BACK
            self._take_answer(asked, state, port)
            self._again = 0.0  # if any of them still waits, the run is paused again at once

    def _take_answer(self, asked: Sequence[ApprovalRequest], state: State[Any] | None, port: PrefectPort) -> None:
        """Somebody resumed, or forced a state: read what they left, and let the store judge it."""
        name = state.name if state is not None else "on"
        answer = self._board.letter(self._connection())
        if answer is None:
            self._board.said = f"The run was set {name} without an answer; that is no approval."
            port.append_invalid(asked[0], f"the run was set {name} without an answer")
        else:
            self._board.said = judge_answer(asked, answer, port)
            if self._board.said:
                self._tell(port, self._board.said)
        self._wake_all()

    def _lower(self, port: PrefectPort) -> None:
        """Take the question down: the run goes on, to run the step or to say why it does not."""
        decided, self._decided = self._decided, []
        self._named, self._not_before, self._until, self._handed_over = frozenset(), 0.0, 0.0, None
        self._forced = False
        self._others.clear()
        if self._client is None:
            return
        if self._goes_on_elsewhere(port):
            self._take_over = True
            self._board.leave()
        for attempt in range(30):
            try:
                with LEAVING:
                    if not self._board.raised or self._board.go_on(self._client, "Nobody is asked any more."):
                        break
                    if self._board.look(self._client)[0] is not Found.STANDING:
                        break
            except Exception as error:  # noqa: BLE001 - the decision stands in the store; the page may lag behind it
                _log.warning("gate.retry", reason=f"{type(error).__name__}: {error}")
            time.sleep(min(0.1 * (attempt + 1), 2.0))
        board, client = self._board, self._client
        self._board, self._client = Board(self.flow_run_id), None
        context = contextvars.copy_context()

        def tidy() -> None:
            _tidy(board, client)
            if decided:
                publish_questions(decided, self.flow_run_id, port.store.approvals.votes(decided[-1].request_id))

        # The run need not wait for this; its end does (:meth:`settle`). Not a daemon: a token may lie there.
        tidying = threading.Thread(target=context.run, args=(tidy,), name="govflow-tidying")
        self._tidying.append(tidying)
        tidying.start()

    def _goes_on_elsewhere(self, port: PrefectPort) -> bool:
        """Whether other processes wait for answers to the question that stands."""
        if not port.shared or not self._board.raised:
            return False
        try:
            return bool(port.store.approvals.pending_ids(port.workspace.settings.tenant, str(self.flow_run_id)))
        except StoreError as error:
            _log.warning("gate.retry", reason=error.message)
            return False

    def _connection(self) -> SyncPrefectClient:
        if self._client is None:
            self._client = get_client(sync_client=True).__enter__()
        return self._client

    def _wake_all(self) -> None:
        for waiter in self._waiting():
            waiter.event.set()

    def _show(self, asked: Sequence[ApprovalRequest], port: PrefectPort) -> None:
        publish_questions(asked, self.flow_run_id, port.store.approvals.votes(asked[0].request_id))

    def _tell(self, port: PrefectPort, words: str) -> None:
        """Say it in the log of the flow run: that is where whoever started it looks first."""
        with suppress(Exception):  # outside a run, or with logging turned off, there is nobody to tell
            flow_run_logger(port.flow_run).info(words)


def _tidy(board: Board, client: SyncPrefectClient) -> None:
    """Remove what is left of a question, with an answer that came too late."""
    try:
        for attempt in range(10):
            try:
                with LEAVING:
                    board.take_down(client)
                return
            except Exception as error:  # noqa: BLE001 - tried again
                _log.warning("gate.retry", reason=f"{type(error).__name__}: {error}")
                time.sleep(0.2 * (attempt + 1))
    finally:
        client.__exit__(None, None, None)
