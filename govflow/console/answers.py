"""Answers as every form of the console gives them: with a reason, and with what became of the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Depends, Form, Request

from govflow.approval import VoteDecision
from govflow.console.access import Here, Who
from govflow.console.ground import ground_of
from govflow.console.outcomes import words_for
from govflow.errors import RequestError
from govflow.identity import Principal
from govflow.services.break_glass import break_glass
from govflow.services.decide_approvals import Question, decide, show_request
from govflow.services.resume_run import Engine, is_gone, resume_run
from govflow.services.revoke_approval import revoke
from govflow.services.workspace import Workspace

LONGEST_REASON: Final = 2000
Reason = Annotated[str, Form(max_length=LONGEST_REASON)]


@dataclass(frozen=True, slots=True)
class Answers:
    """What one person answers, through the services that every face calls. Each gives the words of what came of it."""

    workspace: Workspace
    person: Principal
    engine: Engine | None

    def vote(self, request_id: str, decision: VoteDecision, reason: str) -> str:
        """Say yes or no.

        Raises:
            VoteRefused: it does not count.
            RequestError: no reason, or no such request.
        """
        no = decision is VoteDecision.DENY
        return self._after(request_id, reason, lambda: self._decided(request_id, decision, reason), no=no)

    def alone(self, request_id: str, reason: str) -> str:
        """Let the step run in an emergency; as :meth:`vote`."""
        now = datetime.now(UTC)
        return self._after(
            request_id, reason, lambda: break_glass(self.workspace, request_id, self.person, reason, now), alone=True
        )

    def take_back(self, request_id: str, reason: str) -> str:
        """Withdraw a question, or an approval that no run has used yet; as :meth:`vote`."""
        now = datetime.now(UTC)
        return self._after(request_id, reason, lambda: revoke(self.workspace, request_id, self.person, reason, now))

    def _decided(self, request_id: str, decision: VoteDecision, reason: str) -> Question:
        return decide(self.workspace, request_id, self.person, decision, reason, datetime.now(UTC))

    def _after(
        self, request_id: str, reason: str, act: Callable[[], Question], *, no: bool = False, alone: bool = False
    ) -> str:
        given(reason)
        store = self.workspace.store
        gone = is_gone(store, show_request(self.workspace, request_id).request)  # whoever waits lets go afterwards
        question = act()
        sequel = resume_run(store, question.request, self.engine, gone=gone)
        return words_for(question, sequel, no=no, alone=alone)


def answers_of(request: Request, signed_in: Who, workspace: Here) -> Answers:
    """For routes: the answers of whoever is signed in."""
    return Answers(workspace, signed_in.principal, ground_of(request).engine)


Answering = Annotated[Answers, Depends(answers_of)]


def given(reason: str) -> str:
    """Who decides in the console says why; whoever reads the log later has nothing else to go by.

    Raises:
        RequestError: there is no reason.
    """
    if not reason.strip():
        raise RequestError("A reason is needed.", mend="Say in a few words why, for the record.")
    return reason
