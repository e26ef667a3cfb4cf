"""A signed policy for people and for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from govflow.bundles import SignedPolicy
from govflow.services.describe.escape import plain


def signed_json(signed: SignedPolicy) -> dict[str, Any]:
    """JSON values of what a bundle says."""
    return {
        "policy": signed.document.policy.name,
        "digest": signed.document.digest,
        "rules": len(signed.document.policy.rules),
        "files": list(signed.files),
        "made_by": signed.made_by,
        "made_at": signed.made_at.isoformat(),
        "expires_at": signed.expires_at.isoformat() if signed.expires_at else None,
        "kid": signed.kid,
        "counts_until": signed.ends_at.isoformat() if signed.ends_at else None,
    }


def signed_text(signed: SignedPolicy) -> str:
    """What a bundle says, a line for each thing."""
    rules = len(signed.document.policy.rules)
    lines = [
        f"  policy   {signed.document.policy.name}, {rules} {'rule' if rules == 1 else 'rules'}",
        f"  digest   {signed.document.digest}",
        f"  files    {', '.join(signed.files)}",
        f"  made     by {signed.made_by}, {_shown(signed.made_at)}",
        f"  expires  {_shown(signed.expires_at) if signed.expires_at else 'never'}",
        f"  key      {signed.kid}",
    ]
    if signed.ends_at != signed.expires_at and signed.ends_at is not None:
        lines.append(f"  counts until {_shown(signed.ends_at)}: its key is not trusted any longer then")
    return "\n".join(plain(line) for line in lines)


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
