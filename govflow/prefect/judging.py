"""What comes of an answer that was typed into the form of a paused or suspended run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from govflow.approval.models import ApprovalRequest
from govflow.errors import VoteRefused
from govflow.services.cast_answer import cast_answer

if TYPE_CHECKING:
    from govflow.prefect.answer import Answer
    from govflow.prefect.port import PrefectPort


def judge_answer(asked: Sequence[ApprovalRequest], answer: Answer, port: PrefectPort) -> str:
    """Hand an answer to the store, for the request that its token was made for; what to say if it does not count."""
    wanted = port.store.tokens.request_of(answer.token.get_secret_value())
    request = next((one for one in asked if one.request_id == wanted), asked[0])
    try:
        cast_answer(port.workspace, request, answer.token, answer.decision, answer.reason, port.now())
    except VoteRefused as refused:
        port.publish_invalid(request, refused)
        return f"The last answer was refused: {refused.message} {refused.mend}".strip()
    return ""
