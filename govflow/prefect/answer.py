"""The form that Prefect shows when a paused run is resumed, and the answer that it brings back."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from govflow.approval.models import ApprovalRequest, VoteDecision

_SCHEMA: Final[dict[str, Any]] = {
    "title": "Decide",
    "type": "object",
    "properties": {
        "token": {
            "title": "Token (required)",
            "type": "string",
            "format": "password",
            "writeOnly": True,
            "minLength": 1,
            "maxLength": 200,
            "description": "Yours alone, and it works once. It is made by: govflow approvals token {id} --as NAME",
            "position": 0,
        },
        "decision": {
            "title": "Decision (required)",
            "type": "string",
            "enum": ["approve", "deny"],
            "description": "approve counts as your yes: with enough of them the step runs. deny is your no: the step "
            "does not run.",
            "position": 1,
        },
        "reason": {
            "title": "Reason (required)",
            "type": "string",
            "minLength": 1,
            "maxLength": 1000,
            "description": "Why, in your words: those who wait read it, and the audit log keeps it with your name.",
            "position": 2,
        },
    },
    # No field has a default: a state that is forced without input must not look like an answer.
    "required": ["token", "decision", "reason"],
    "additionalProperties": False,
}


def answer_schema(requests: Sequence[ApprovalRequest]) -> dict[str, Any]:
    """The JSON schema of the form for these requests. Prefect's server refuses input that does not fit it."""
    schema = copy.deepcopy(_SCHEMA)
    token = schema["properties"]["token"]
    token["description"] = token["description"].format(id=requests[0].request_id if len(requests) == 1 else "ID")
    if len(requests) > 1:
        token["description"] += ". The answer is for the request that the token was made for."
    return schema


class Answer(BaseModel):
    """What a person typed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr = Field(min_length=1, max_length=200)
    decision: VoteDecision
    reason: str = Field(min_length=1, max_length=1000)


def read_answer(raw: str) -> Answer | None:
    """The answer in a stored input; None when it is not one."""
    try:
        return Answer.model_validate(orjson.loads(raw))
    except (ValidationError, orjson.JSONDecodeError):
        return None
