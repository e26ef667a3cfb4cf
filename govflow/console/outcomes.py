"""What came of an answer, as words in the address of the page that follows it, and as sentences on that page.

A page that is sent to the browser after a POST may be asked for again at will, so what it says must come from a closed
list: nobody can have our pages say something by handing out a link.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from govflow.approval import RequestState
from govflow.services.decide_approvals import Question
from govflow.services.resume_run import Sequel

_SENTENCES: Final[Mapping[str, str]] = {
    "counted": "Your answer counts. More people must approve.",
    "counted-no": "Your no counts. More people have to say no before it ends the request.",
    "approved": "Approved. The run goes on.",
    "approved-yet": "Approved.",
    "in-force": "Approved. The standing approval is in force.",
    "denied": "Denied. The step will not run.",
    "denied-standing": "Denied. The standing approval is not in force.",
    "revoked": "Taken back. The step will not run.",
    "alone": "Approved by you alone. Somebody else has to review it.",
    "reviewed": "Your review is on record.",
    "proposed": "Proposed. It is in force once others have approved it; you do not answer it yourself.",
    "delegated": "Handed on. It holds from now on.",
    "delegation-over": "Taken back. Answers that were given through it stay.",
    "run-resumed": "The run was suspended; it goes on at the next poll of its runner.",
    "run-stays": "The run was suspended and stays so: it waits for more answers, or is not suspended any more.",
    "run-unreached": "The run was suspended and could not be started from here: press Resume on its page in Prefect.",
    "run-gone": "The process that waited for this is gone: `govflow reconcile --restart` has the run taken up again.",
    "signed-in": "You are signed in.",
}


def told(words: str) -> str:
    """The sentences for words with dots between them; nothing for a word that is not ours."""
    return " ".join(_SENTENCES[word] for word in words.split(".") if word in _SENTENCES)


def words_for(question: Question, sequel: Sequel, *, no: bool = False, alone: bool = False) -> str:
    """The words for what an answer led to.

    Args:
        question: with the answer counted.
        sequel: what became of the run.
        no: it was a no.
        alone: it was given in an emergency.
    """
    standing = question.request.summary.get("wait") == "standing"
    states = {
        RequestState.PENDING: "counted-no" if no else "counted",
        RequestState.APPROVED: "alone" if alone else "in-force" if standing else "approved",
        RequestState.DENIED: "denied-standing" if standing else "denied",
    }
    word = states.get(question.request.state, "revoked")
    if sequel.kind == "nothing":
        return word
    return f"{'approved-yet' if word == 'approved' else word}.run-{sequel.kind}"
