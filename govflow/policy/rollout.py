"""Gradual rollout: a rule decides for a share of what it matches, and is in shadow for the rest.

The share is found by a stable hash of one attribute, so the same flow (or tenant, or run) is always on the same side,
and a higher percentage only ever adds to those that are in. The rule's name is hashed as well: two rules at 10 % try
themselves on different ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from pydantic import Field

from govflow.ir.models import NonEmpty, StrictModel
from govflow.policy.attributes import EvaluationError
from govflow.policy.unknown import UNKNOWN, Undetermined
from govflow.policy.values import kind_of


class Rollout(StrictModel):
    """The share for which a rule decides."""

    percent: int = Field(ge=0, le=100)
    by: NonEmpty = "run.flow"  # the attribute whose value says on which side of the line something is


def share(rule: str, rollout: Rollout, restricts: bool) -> Callable[[Any], bool]:
    """A function that says of a value of ``rollout.by`` whether the rule decides for it.

    A missing value is in for a rule that restricts, and out for one that allows.

    Args:
        rule: the rule's name.
        rollout: how much of what.
        restricts: whether the rule denies or requires approval.
    """
    percent, path = rollout.percent, rollout.by

    def within(value: Any) -> bool:
        if value is None:
            return restricts
        if value is UNKNOWN:
            raise Undetermined(path)
        if not isinstance(value, str | int):
            raise EvaluationError(f"{path} is {kind_of(value)}, and cannot say who is part of a rollout")
        return bucket(rule, str(value)) < percent

    return within


def bucket(rule: str, key: str) -> int:
    """0 to 99, evenly; the same for the same rule and key on every machine."""
    digest = hashlib.sha256(f"{rule}\0{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") * 100 >> 64
