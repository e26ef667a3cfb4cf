"""What a permit says: this run, these steps, in this form, until then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from govflow.ir.models import Digest, NonEmpty, StrictModel, Tier
from govflow.policy.model import Verdict

MAX_LIFE: Final = timedelta(days=1)
"""No permit lives longer, whoever signs it: a long run renews."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]


def _whole_seconds(moment: datetime) -> datetime:
    """In UTC, without the part of a second that a token's dates cannot hold."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC).replace(microsecond=0)


Moment = Annotated[datetime, AfterValidator(_whole_seconds)]
"""Aware; cut to whole seconds in UTC."""


class PermittedStep(StrictModel):
    """What a run may do at one step of its plan."""

    step_hash: Digest
    tier: Tier
    verdict: Verdict  # of the policy, when the run was opened
    count: Annotated[int, Field(ge=1)] | None = None  # task runs of it in one run; None: any number
    parents: tuple[NonEmpty, ...] = ()  # steps that may hand it data or come before it, sorted


class Permit(StrictModel):
    """What one run may execute. ``jti`` names it; the text of its token does not."""

    jti: Identifier
    tenant: NonEmpty
    run_id: Identifier
    flow: NonEmpty  # the name that the engine shows
    plan_key: NonEmpty  # what its approved plan is looked up by
    ir_hash: Digest
    plan_hash: Digest
    policy_digest: Digest
    mode: Literal["observe", "enforce"]
    environment: NonEmpty
    requester: NonEmpty
    attempt: Annotated[int, Field(ge=1)] = 1  # of the flow run, when it was issued
    issued_at: Moment
    expires_at: Moment
    steps: Mapping[NonEmpty, PermittedStep]
    manifest: Digest | None = None  # names the plan and the code that other processes rebuild the run from

    @model_validator(mode="after")
    def _lives(self) -> Permit:
        life = self.expires_at - self.issued_at
        if not timedelta(0) < life <= MAX_LIFE:
            raise ValueError("a permit lives for at least a second and at most a day")
        return self

    def renewed(self, jti: str, now: datetime, life: timedelta) -> Permit:
        """The same permit from ``now`` on, under a name of its own."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return Permit(**{**fields, "jti": jti, "issued_at": now, "expires_at": now + life})

    def same_grant(self, other: Permit) -> bool:
        """Whether both allow the same; name and dates aside."""
        apart = {"jti", "issued_at", "expires_at"}
        return self.model_dump(exclude=apart) == other.model_dump(exclude=apart)
