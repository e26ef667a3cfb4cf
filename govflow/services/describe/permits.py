"""Permits and keys for people and for programs. The signed text of a permit is in none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from govflow.services.describe.escape import plain, table
from govflow.services.show_permits import RunPermits
from govflow.store.keys import KnownKey
from govflow.store.permits import IssuedPermit, Revocation

_SHORT = 12  # letters of a key's name that tell it from others


def key_json(key: KnownKey, now: datetime) -> dict[str, Any]:
    """JSON values of a key. ``state``: signs, trusted (its permits are not over) or over."""
    return {
        "kid": key.kid,
        "state": _state(key, now),
        "created_at": key.created_at.isoformat(),
        "retired_at": key.retired_at.isoformat() if key.retired_at else None,
        "trusted_until": key.ends_at.isoformat() if key.ends_at else None,
    }


def keys_text(keys: Sequence[KnownKey], now: datetime) -> str:
    """A line for each key."""
    if not keys:
        return "no key has signed anything yet; the first permit makes one"
    rows = [["key", "state", "since", "trusted until"]]
    rows += [
        [key.kid, _state(key, now), _shown(key.created_at), _shown(key.ends_at) if key.ends_at else "rotated"]
        for key in keys
    ]
    return "\n".join(table(rows, indent=0))


def permit_json(permit: IssuedPermit, revocation: Revocation | None) -> dict[str, Any]:
    """JSON values of an issued permit; neither its text nor its steps."""
    return {
        "jti": permit.jti,
        "run_id": permit.run_id,
        "number": permit.number,
        "flow": permit.flow,
        "mode": permit.mode,
        "environment": permit.environment,
        "requester": permit.requester,
        "attempt": permit.attempt,
        "ir_hash": permit.ir_hash,
        "plan_hash": permit.plan_hash,
        "policy_digest": permit.policy_digest,
        "kid": permit.kid,
        "issued_at": permit.issued_at.isoformat(),
        "expires_at": permit.expires_at.isoformat(),
        "revoked_by": revocation.principal if revocation else None,
    }


def permits_text(permits: Sequence[IssuedPermit], revoked: Mapping[str, Revocation | None], now: datetime) -> str:
    """A line for each permit."""
    if not permits:
        return "no permits"
    rows = [["run", "flow", "mode", "until", "state"]]
    for permit in permits:
        state = "revoked" if revoked.get(permit.run_id) else "over" if permit.expires_at <= now else "valid"
        rows.append([permit.run_id, plain(permit.flow, 40), permit.mode, _shown(permit.expires_at), state])
    return "\n".join(table(rows, indent=0))


def permit_text(found: RunPermits, now: datetime) -> str:
    """The permits of a run: what the newest allows, and whether it counts."""
    lines = [f"run {found.run_id}: {len(found.issued)} permit(s) issued"]
    if found.revocation is not None:
        who, why = found.revocation, plain(found.revocation.reason)
        lines.append(f"revoked by {plain(who.principal)} ({who.assurance}) at {_shown(who.at)}: {why}")
    for issued in found.issued[:5]:
        when = f"{_shown(issued.issued_at)} to {_shown(issued.expires_at)}"
        lines.append(f"  {issued.jti}  {when}  key {issued.kid[:_SHORT]}  attempt {issued.attempt}")
    if found.problem is not None:
        lines.append(f"error[{found.problem.code}]: {plain(found.problem.message)}")
    if found.permit is None:
        return "\n".join(lines)
    permit = found.permit
    left = int((permit.expires_at - now).total_seconds())
    lines.append(f"valid for {left} s more: {plain(permit.flow)} in {plain(permit.environment)}, {permit.mode},")
    lines.append(f"  asked for by {plain(permit.requester)}; plan {permit.plan_hash}")
    rows = [["step", "tier", "verdict", "count", "after"]]
    for step_id, step in sorted(permit.steps.items()):
        count = "any" if step.count is None else str(step.count)
        after = ", ".join(map(plain, step.parents)) or "-"
        rows.append([plain(step_id), str(int(step.tier)), str(step.verdict), count, after])
    return "\n".join([*lines, *table(rows, indent=2)])


def _state(key: KnownKey, now: datetime) -> str:
    if key.retired_at is None:
        return "signs"
    return "trusted" if key.ends_at is not None and now < key.ends_at else "over"


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
