"""The gate: a flow run that is Paused in Prefect while people decide.

The governance store is the truth; Prefect is where people see the question and a letterbox for their answer. Pressing
Resume proves nothing, a forced state proves nothing, a planted input proves nothing: whatever arrives is read, deleted
from Prefect, and handed to the store, which knows who holds which token. As long as the request is pending the body
does not run, and a run that somebody set Running is paused again under a new key.

There is one gate for each flow run. Tasks that wait at the same time queue: one question stands in the run's state, the
others still hear when their own request is decided elsewhere.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import httpx
import orjson
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import OrchestrationResult, SetStateStatus
from prefect.input.run_input import keyset_from_paused_state
from prefect.logging.loggers import flow_run_logger
from prefect.states import Paused, Running

from govflow.approval.models import ApprovalRequest, RequestState
from govflow.errors import GovflowError, VoteRefused
from govflow.governor.explain import question
from govflow.prefect.answer import Answer, answer_schema, read_answer
from govflow.prefect.artifacts import publish_question
from govflow.services.cast_answer import cast_answer
from govflow.services.describe import request_form
from govflow.telemetry import get_logger

if TYPE_CHECKING:
    from govflow.prefect.port import PrefectPort

STATE_NAME: Final = "AwaitingApproval"
POLL_STORE: Final = 0.1  # seconds
POLL_PREFECT: Final = 1.0  # seconds
GRACE: Final = timedelta(minutes=1)  # so that the store closes a request before Prefect fails the run

_log = get_logger(__name__)
_gates: dict[UUID, Gate] = {}
_gates_lock = threading.Lock()


def gate_of(flow_run_id: UUID) -> Gate:
    """The gate of a flow run in this process."""
    with _gates_lock:
        return _gates.setdefault(flow_run_id, Gate(flow_run_id))


class Gate:
    """Holds one flow run."""

    def __init__(self, flow_run_id: UUID) -> None:
        self.flow_run_id = flow_run_id
        self._turn = threading.Lock()

    def wait(self, request: ApprovalRequest, port: PrefectPort) -> ApprovalRequest:
        """Return ``request`` once it is not pending any more."""
        try:
            return self._wait(request, port)
        except Exception:
            raise
        except BaseException:
            # Interrupted, cancelled, told to end: nobody waits any more, so nobody should be asked any more.
            port.move(request.request_id, RequestState.REVOKED, "the run was interrupted")
            raise

    def _wait(self, request: ApprovalRequest, port: PrefectPort) -> ApprovalRequest:
        with get_client(sync_client=True) as client:
            standing = _Question(self.flow_run_id, request, port, client)
            while True:
                current = port.current(request)
                if current.state is not RequestState.PENDING:
                    return current
                if port.abandoned(request):
                    return port.give_up(request)
                if self._turn.acquire(timeout=POLL_STORE):
                    try:
                        return standing.stand()
                    finally:
                        self._turn.release()


class _Question:
    """One request, standing in the state of its run."""

    def __init__(
        self, flow_run_id: UUID, request: ApprovalRequest, port: PrefectPort, client: SyncPrefectClient
    ) -> None:
        self._run = flow_run_id
        self._request = request
        self._port = port
        self._client = client
        self._keys: dict[str, str] | None = None
        self._said = ""  # what became of the last answer
        self._resumed = 0  # times that this run went from Paused to Running

    def stand(self) -> ApprovalRequest:
        publish_question(self._request, self._run)
        self._tell(f"Waiting for approval. {question(self._request)}")
        looked = 0.0
        while True:
            current = self._port.current(self._request)
            if current.state is not RequestState.PENDING:
                self._tell(f"Request {current.request_id} is {current.state}.")
                self._lower(current)
                publish_question(current, self._run, self._port.store.approvals.votes(current.request_id))
                return current
            if self._port.abandoned(self._request):
                current = self._port.give_up(self._request)
                self._lower(current)
                return current
            if time.monotonic() - looked >= POLL_PREFECT:
                self._look()
                looked = time.monotonic()
            time.sleep(POLL_STORE)

    def _tell(self, words: str) -> None:
        """Say it in the log of the flow run: that is where whoever started it looks first."""
        with suppress(Exception):  # outside a run, or with logging turned off, there is nobody to tell
            flow_run_logger(self._port.flow_run).info(words)

    def _look(self) -> None:
        """See what Prefect says of the run, and answer it. A server that is busy is asked again at the next look."""
        try:
            state = self._client.read_flow_run(self._run).state
            if state is None or state.is_pending() or state.is_scheduled():
                return
            if state.is_cancelling() or state.is_final():
                self._port.move(self._request.request_id, RequestState.REVOKED, f"the run was set {state.name}")
            elif state.is_paused() and self._keys is not None and self._stands(state):
                return
            elif self._keys is None:
                if state.is_paused():  # somebody else's pause: the question takes its place
                    self._client.set_flow_run_state(self._run, Running())
                    self._resumed += 1
                self._raise_question()
            else:
                self._take_answer(state)
                if self._port.current(self._request).state is RequestState.PENDING:
                    self._raise_question()
        except GovflowError:
            raise
        except Exception as error:  # noqa: BLE001 - any failure of the server: stay closed, look again
            _log.warning("gate.retry", reason=f"{type(error).__name__}: {error}")

    def _stands(self, state: State[Any]) -> bool:
        """Whether the run is paused by this question and not by someone else's pause."""
        keyset = state.state_details.run_input_keyset
        return keyset is not None and self._keys is not None and keyset.get("response") == self._keys["response"]

    def _raise_question(self) -> None:
        """Pause the run under a key that was never used, and put up the form."""
        self._forget()
        words = f"{self._said} Still asked: {question(self._request)}" if self._said else question(self._request)
        state: State[Any] = Paused(
            name=STATE_NAME,
            message=words,
            pause_expiration_time=self._request.expires_at + GRACE,
            pause_key=f"{self._request.request_id}-{uuid4().hex[:8]}",
        )
        keys = {str(k): v for k, v in keyset_from_paused_state(state).items()}
        state.state_details.run_input_keyset = keys
        self._keys = keys
        accepted = False
        try:
            # The form is there before the state: a page that is quick finds it.
            self._put(keys["schema"], answer_schema(self._request.request_id))
            self._put(keys["description"], self._description())
            result: OrchestrationResult[Any] = self._client.set_flow_run_state(self._run, state)
            accepted = result.status is SetStateStatus.ACCEPT
        finally:
            if not accepted:
                self._forget()

    def _description(self) -> str:
        votes = self._port.store.approvals.votes(self._request.request_id)
        text = request_form(self._request, votes)
        return f"**{self._said}**\n\n{text}" if self._said else text

    def _take_answer(self, state: State[Any]) -> None:
        """Somebody resumed, or forced a state: read what they left, and let the store judge it."""
        self._resumed += 1
        answer = self._letter()
        if answer is None:
            self._said = f"The run was set {state.name} without an answer; that is no approval."
            self._port.append_invalid(self._request, f"the run was set {state.name} without an answer")
            return
        try:
            cast_answer(self._port.store, self._request, answer.token, answer.decision, answer.reason, self._port.now())
        except VoteRefused as refused:
            self._said = f"The last answer was refused: {refused.message} {refused.mend}".strip()
            self._tell(self._said)
            self._port.publish_invalid(self._request, refused)

    def _letter(self) -> Answer | None:
        """The answer that was left in Prefect; it is deleted there before anyone looks at it."""
        if self._keys is None:
            return None
        try:
            raw = self._client.read_flow_run_input(self._run, self._keys["response"])
        except httpx.HTTPStatusError as error:
            _unless_absent(error)
            raw = ""  # nobody has answered here
        self._forget()
        return read_answer(raw)

    def _put(self, key: str, value: object) -> None:
        self._client.create_flow_run_input(self._run, key, orjson.dumps(value).decode())

    def _forget(self) -> None:
        """Delete the form, its text and any answer from Prefect's database."""
        keys, self._keys = self._keys, None
        for key in (keys or {}).values():
            try:
                self._client.delete_flow_run_input(self._run, key)
            except httpx.HTTPStatusError as error:
                _unless_absent(error)

    def _lower(self, current: ApprovalRequest) -> None:
        """Take the question down: the run goes on, to run the step or to say why it does not."""
        for attempt in range(30):
            try:
                if self._letter() is not None:
                    self._said = ""
                state = self._client.read_flow_run(self._run).state
                if state is not None and state.is_paused():
                    message = f"Request {current.request_id} is {current.state}."
                    result: OrchestrationResult[Any] = self._client.set_flow_run_state(
                        self._run, Running(message=message)
                    )
                    if result.status is not SetStateStatus.ACCEPT:
                        continue
                    self._resumed += 1
                self._give_back_retries()
                return
            except Exception as error:  # noqa: BLE001 - the decision stands in the store; the page may lag behind it
                _log.warning("gate.retry", reason=f"{type(error).__name__}: {error}")
            time.sleep(min(0.1 * (attempt + 1), 2.0))

    def _give_back_retries(self) -> None:
        """Prefect counts every change to Running as an attempt of the flow; waiting for people is none."""
        flow_run = self._client.read_flow_run(self._run)
        policy, resumed = flow_run.empirical_policy, self._resumed
        if policy.retries and resumed:
            more = policy.model_copy(update={"retries": policy.retries + resumed})
            self._client.update_flow_run(self._run, empirical_policy=more)
        self._resumed = 0


def _unless_absent(error: httpx.HTTPStatusError) -> None:
    """Pass over the answer that there is no such input."""
    if error.response.status_code != httpx.codes.NOT_FOUND:
        raise error
