"""A change of policy is on record before the first run that it decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from govflow.audit.record import Draft
from govflow.policy.changes import changes, outline
from govflow.services.note_settings import governing
from govflow.services.workspace import Workspace
from govflow.store import Store
from govflow.store.policies import CHANGED, LOADED

if TYPE_CHECKING:
    from govflow.bundles import SignedPolicy


_RULES = ("added", "removed", "changed")


def note_policy(workspace: Workspace, store: Store, draft: Draft) -> bool:
    """Record that runs of a tenant are decided by another policy than before, once for each change.

    Args:
        workspace: under whose policy a run is being opened.
        store: where.
        draft: who and when, and for which run; event and payload are made here.

    Returns:
        Whether there was a change.
    """
    digest = workspace.ground.engine.digest

    def drafted(last: Mapping[str, Any] | None) -> Draft:
        now = outline(workspace.document)
        payload: dict[str, Any] = {
            "digest": digest,
            "before": None if last is None else last["digest"],
            "policy": workspace.document.policy.name,
            "changes": changes(None if last is None else last["outline"], now),
            "outline": now,
            "settings": governing(workspace),
        }
        if workspace.reading is not None and workspace.reading.signed is not None:
            signed = workspace.reading.signed
            payload["signed"] = _signed(signed)
        if workspace.reading is not None and workspace.reading.layers:
            parts = workspace.reading.layers.items()
            payload["layers"] = {
                str(layer): {"digest": part.document.digest, "signed": part.signed and _signed(part.signed)}
                for layer, part in parts
            }
        return replace(draft, event=LOADED if last is None else CHANGED, payload=payload)

    return store.policies.note(draft.tenant, digest, drafted)


def change_lines(payload: Mapping[str, Any]) -> list[str]:
    """What a record of a change says, in words: ``+ rule x``, ``- rule y``, ``~ rule z``, ``~ approvals``."""
    found = payload["changes"]
    lines = [f"{mark} rule {name}" for mark, key in zip("+-~", _RULES, strict=True) for name in found.get(key, ())]
    return lines + [f"~ {name}" for name in found.get("sections", ())]


def _signed(signed: SignedPolicy) -> dict[str, str]:
    return {"kid": signed.kid, "made_by": signed.made_by, "made_at": signed.made_at.isoformat()}
