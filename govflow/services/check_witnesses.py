"""Whether the witnesses of the settings answer, and what each of them has cosigned: for ``govflow doctor``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from govflow.audit.verifier_key import VerifierKey
from govflow.audit.witness import PATH
from govflow.services.ask_witnesses import witness_keys
from govflow.services.fetch_document import FetchRefused, post_document
from govflow.services.workspace import Workspace


@dataclass(frozen=True, slots=True)
class WitnessSeen:
    """One witness: ``name`` is that of its key. Its address is not told: it may be nobody else's business."""

    name: str
    what: str
    mend: str = ""  # empty: nothing is amiss


def see_witnesses(workspace: Workspace) -> Iterator[WitnessSeen]:
    """Ask each witness for nothing, and look up the last line that it gave. Nothing is shown to it, nothing written.

    Raises:
        SettingsError: what the settings give as a witness' key is none.
        StoreError: the database cannot be used.
    """
    for url, key in witness_keys(workspace).items():
        try:
            # No checkpoint at all: whatever it answers, it is there.
            post_document(url.rstrip("/") + PATH, b"")
        except FetchRefused as error:
            said, behind = _cosigned(workspace, key)
            mend = "Start it, or look at its address in the settings (witnesses); the next checkpoint is shown to it."
            yield WitnessSeen(key.name, f"{error.why}; it {said}", mend)
        else:
            said, behind = _cosigned(workspace, key)
            mend = "govflow audit checkpoint shows it the newest, and says what it answers." if behind else ""
            yield WitnessSeen(key.name, f"it answers, and {said}", mend)


def _cosigned(workspace: Workspace, key: VerifierKey) -> tuple[str, bool]:
    """In words, and whether it has not seen all that is sealed."""
    tenant, seals = workspace.settings.tenant, workspace.store.seals
    newest, last = seals.newest(tenant), seals.last_cosigned(tenant, str(key))
    if newest is None:
        return "has nothing to cosign: no checkpoint was made yet", False
    if last is None:
        return "has cosigned nothing of this log", True
    size, at = last
    behind = size < newest.size
    how_many = f"{size} of {newest.size} records" if behind else f"all {size} records"
    return f"has cosigned {how_many} that are sealed, at {at:%Y-%m-%d %H:%M} UTC", behind
