"""What stands in Prefect while a flow run waits: its state, the form that Resume shows, and the answer left there.

The governance store is the truth; this is where people see the question, and a letterbox. Nothing that arrives here
lets a body run: an answer is read, deleted, and handed to the store, which knows who holds which token.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import orjson
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import OrchestrationResult, SetStateStatus
from prefect.input.run_input import keyset_from_paused_state
from prefect.states import Paused, Running, Suspended

from govflow.approval.models import ApprovalRequest
from govflow.governor.explain import questions
from govflow.prefect.answer import Answer, answer_schema, read_answer
from govflow.services.describe import requests_form
from govflow.services.links import console_link
from govflow.settings import Settings
from govflow.store import Store

STATE_NAME: Final = "AwaitingApproval"
SUSPENDED: Final = "Suspended"  # Prefect knows a suspended run by this name
GRACE: Final = timedelta(minutes=1)  # so that the store closes a request before Prefect fails the run
GRACE_SUSPENDED: Final = timedelta(days=1)  # so that a sweep starts the run again, and it says itself what happened
_INPUTS: Final = 200


class Found(StrEnum):
    """What has become of the run."""

    STANDING = "standing"  # paused by this question
    TAKEN_DOWN = "taken down"  # somebody resumed it, or forced a state
    FOREIGN = "foreign"  # paused by somebody else
    SUSPENDED = "suspended"  # by somebody else: another process will go on with it
    ENDED = "ended"  # cancelled, or in a final state
    SET_BACK = "set back"  # Scheduled or Pending, as if no process held it
    UNKNOWN = "unknown"  # between two states


class Board:
    """Of one flow run. Not safe to share: whoever holds the gate's hands uses it.

    Attributes:
        raised: whether a question stands.
        said: what became of the last answer; it stands in front of the question.
        settings: of the run, for the address of the console; None: the form names none.
    """

    def __init__(self, flow_run_id: UUID) -> None:
        self._run = flow_run_id
        self._keys: dict[str, str] = {}
        self._pause_key = ""
        self.raised = False
        self.said = ""
        self.settings: Settings | None = None

    def raise_question(
        self,
        client: SyncPrefectClient,
        store: Store,
        requests: Sequence[ApprovalRequest],
        *,
        suspend: bool = False,
        started: bool = True,
    ) -> State[Any] | None:
        """Pause or suspend the run under a key that was never used, and put up the form.

        Args:
            client: of the server.
            store: where the votes are.
            requests: what is asked.
            suspend: nothing holds the run meanwhile.
            started: False for a run that is not running: Prefect's rules know no pause of it, so it is forced.

        Returns:
            The state that the run has now; None if the server did not take it.
        """
        self.take_down(client)
        self._pause_key = f"{requests[0].request_id}-{uuid4().hex[:8]}"
        state = self._state(requests, suspend=suspend)
        keys = {str(k): v for k, v in keyset_from_paused_state(state).items()}
        state.state_details.run_input_keyset = keys
        self._keys = dict(keys)
        try:
            # The form is there before the state: a page that is quick finds it.
            self._put(client, keys["schema"], answer_schema(requests))
            self._put(client, keys["description"], self._text(store, requests))
            self._uncounted(client)
            result: OrchestrationResult[Any] = client.set_flow_run_state(self._run, state, force=not started)
            self.raised = result.status is SetStateStatus.ACCEPT
        finally:
            if not self.raised:
                self.take_down(client)
        return state if self.raised else None

    def reword(self, client: SyncPrefectClient, store: Store, requests: Sequence[ApprovalRequest]) -> None:
        """Name other requests in the question that stands. The form, and an answer in it, stay where they are."""
        for key, value in (("schema", answer_schema(requests)), ("description", self._text(store, requests))):
            self._delete(client, self._keys[key])
            self._put(client, self._keys[key], value)
        state = self._state(requests, suspend=False)
        state.state_details.run_input_keyset = dict(self._keys)
        # Prefect pauses what runs, and this is paused: only its words are changed. If somebody resumed it at this
        # moment, the answer is still in the letterbox, where the next look finds it.
        client.set_flow_run_state(self._run, state, force=True)

    def look(self, client: SyncPrefectClient) -> tuple[Found, State[Any] | None]:
        """What Prefect says of the run."""
        state = client.read_flow_run(self._run).state
        if state is None:
            return Found.UNKNOWN, state
        if state.is_pending() or state.is_scheduled():
            return Found.SET_BACK, state
        if state.is_cancelling() or state.is_final():
            return Found.ENDED, state
        if not state.is_paused():
            return (Found.TAKEN_DOWN if self.raised else Found.UNKNOWN), state
        if self.stands(state):
            return Found.STANDING, state
        return (Found.SUSPENDED if state.state_details.pause_reschedule else Found.FOREIGN), state

    def take_over(self, client: SyncPrefectClient) -> bool:
        """Go on with the question that another process of this run put up, if one stands; whether it does."""
        state = client.read_flow_run(self._run).state
        if state is None or not state.is_paused() or state.name != STATE_NAME or state.state_details.pause_reschedule:
            return False
        self._keys = {str(k): str(v) for k, v in (state.state_details.run_input_keyset or {}).items()}
        self._pause_key = state.state_details.pause_key or ""
        self.raised = {"schema", "description", "response"} <= self._keys.keys()
        return self.raised

    def leave(self) -> None:
        """Let another process go on with the question that stands; nothing of it is deleted here."""
        self._keys, self.raised = {}, False

    def stands(self, state: State[Any] | None) -> bool:
        """Whether the run is paused by this question and not by someone else's pause."""
        keyset = state.state_details.run_input_keyset if state is not None and state.is_paused() else None
        return keyset is not None and self.raised and keyset.get("response") == self._keys.get("response")

    def letter(self, client: SyncPrefectClient) -> Answer | None:
        """The answer that was left in Prefect; it is deleted there before anyone looks at it."""
        if not self.raised:
            return None
        raw = self._read(client, self._keys["response"])
        self.take_down(client)
        return read_answer(raw)

    def has_letter(self, client: SyncPrefectClient) -> bool:
        """Whether an answer lies in the letterbox."""
        return self.raised and self._read(client, self._keys["response"]) != ""

    def go_on(self, client: SyncPrefectClient, message: str) -> bool:
        """Set a paused run Running; whether it is."""
        result: OrchestrationResult[Any] = client.set_flow_run_state(self._run, Running(message=message))
        return result.status is SetStateStatus.ACCEPT

    def take_down(self, client: SyncPrefectClient) -> None:
        """Delete the form, its text and any answer from Prefect's database."""
        self.raised = False
        for name in tuple(self._keys):  # a server that fails half-way is asked again for what is left
            self._delete(client, self._keys[name])
            del self._keys[name]

    def left_behind(self, client: SyncPrefectClient) -> list[Answer]:
        """Answers to questions that an earlier process of this run put up; all of it is deleted in Prefect."""
        answers = []
        for prefix in (SUSPENDED.lower(), STATE_NAME.lower()):
            found = client.filter_flow_run_input(self._run, f"{prefix}-", _INPUTS, set())
            for item in found:
                self._delete(client, item.key)
            answers += [read_answer(item.value) for item in found if item.key.endswith("-response")]
        return [answer for answer in answers if answer is not None]

    def _state(self, requests: Sequence[ApprovalRequest], *, suspend: bool) -> State[Any]:
        words = f"{self.said} Still asked: {questions(requests)}" if self.said else questions(requests)
        until = max(request.expires_at for request in requests) + (GRACE_SUSPENDED if suspend else GRACE)
        if suspend:
            suspended: State[Any] = Suspended(message=words, pause_expiration_time=until, pause_key=self._pause_key)
            return suspended
        paused: State[Any] = Paused(
            name=STATE_NAME, message=words, pause_expiration_time=until, pause_key=self._pause_key
        )
        return paused

    def _text(self, store: Store, requests: Sequence[ApprovalRequest]) -> str:
        votes = store.approvals.votes(requests[0].request_id)
        link = console_link(self.settings, requests[0].request_id) if self.settings is not None else ""
        text = requests_form(requests, votes, link=link)
        return f"**{self.said}**\n\n{text}" if self.said else text

    def _uncounted(self, client: SyncPrefectClient) -> None:
        """Prefect counts a change from Paused to Running as an attempt of the flow; waiting for people is none.

        It leaves out the change of a run that is marked as resuming, which it marks itself one change too late.
        """
        policy = client.read_flow_run(self._run).empirical_policy
        client.update_flow_run(self._run, empirical_policy=policy.model_copy(update={"resuming": True}))

    def _read(self, client: SyncPrefectClient, key: str) -> str:
        try:
            return client.read_flow_run_input(self._run, key)
        except httpx.HTTPStatusError as error:
            _unless_absent(error)
            return ""

    def _put(self, client: SyncPrefectClient, key: str, value: object) -> None:
        client.create_flow_run_input(self._run, key, orjson.dumps(value).decode())

    def _delete(self, client: SyncPrefectClient, key: str) -> None:
        try:
            client.delete_flow_run_input(self._run, key)
        except httpx.HTTPStatusError as error:
            _unless_absent(error)


def _unless_absent(error: httpx.HTTPStatusError) -> None:
    """Pass over the answer that there is no such input."""
    if error.response.status_code != httpx.codes.NOT_FOUND:
        raise error
