"""A change of the settings that govern runs is on record before the first run under them.

The record of the first policy of a tenant says what they are; after that each change has a record of its own
(``settings.changed``). Only what decides how runs are governed is in it, and no secret: of what is addressed or keyed
the names, of files whether there are any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pydantic import JsonValue

from govflow.audit.record import Draft, Severity
from govflow.services.workspace import Workspace
from govflow.store import Store
from govflow.store.policies import SETTINGS

_PLAIN: Final = (
    "approval_before_import",
    "approval_ttl_seconds",
    "approval_wait",
    "answer_limit",
    "environment",
    "permit_ttl_seconds",
    "retention_days",
    "seal_records",
    "seal_runs",
    "seal_seconds",
    "signer",
    "spool",
)
_NAMES: Final = ("jwt_issuers", "notify", "sinks")
_LISTS: Final = ("attribute_providers", "oidc_create")
_FILES: Final = ("permit_keys", "policy_keys")


def governing(workspace: Workspace) -> dict[str, JsonValue]:
    """The settings that govern runs, by name."""
    settings = workspace.settings
    found: dict[str, JsonValue] = {"mode": workspace.mode, "witnesses": [*sorted(settings.witnesses.values())]}
    found |= {name: getattr(settings, name) for name in _PLAIN}
    found |= {name: sorted(getattr(settings, name)) for name in _NAMES}
    found |= {name: getattr(settings, name) is not None for name in _FILES}
    for name in _LISTS:
        listed = getattr(settings, name)
        found[name] = None if listed is None else list(listed)
    return found


def note_settings(workspace: Workspace, store: Store, draft: Draft) -> bool:
    """Record that runs of a tenant are governed by other settings than before, once for each change.

    Args:
        workspace: under whose settings a run is being opened.
        store: where.
        draft: who and when, and for which run; event and payload are made here.

    Returns:
        Whether there was a change.
    """
    now = governing(workspace)

    def drafted(last: Mapping[str, JsonValue] | None) -> Draft:
        before = last or {}
        changed = sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))
        payload = {
            "changed": {name: {"before": before.get(name), "after": now.get(name)} for name in changed},
            "settings": now,
        }
        return replace(draft, event=SETTINGS, severity=Severity.WARNING, payload=payload)

    return store.policies.note_settings(draft.tenant, now, drafted)
