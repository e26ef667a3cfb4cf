"""Approval rules as a policy document holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from govflow.approval.models import ApprovalRule
from govflow.errors import RequestError


def rule_from(name: str, raw: Mapping[str, Any]) -> ApprovalRule:
    """The approval rule that a policy document holds under ``approvals``.

    Args:
        name: of the rule.
        raw: JSON values, as the file has them or with what it leaves out filled in.

    Raises:
        RequestError: a value cannot be used, for example ``ttl_seconds`` of 0 or less, or stages beside ``required``.
    """
    try:
        return ApprovalRule.model_validate_json(json.dumps({**raw, "name": name}))
    except (ValidationError, TypeError) as wrong:
        parts = wrong.errors() if isinstance(wrong, ValidationError) else []
        fields = sorted({str((part["loc"] or ("stages",))[0]) for part in parts})
        raise RequestError(
            f"Approval rule {name!r} cannot be used: {', '.join(fields) or 'it is not made of JSON values'}.",
            mend="Write 'required' of 1 or more and 'approvers' as a list, or 'stages'; 'ttl_seconds' of 1 or more.",
            details={"rule": name, "fields": fields},
        ) from None
