"""The policy that a process goes by while its files may change: read again when a run opens, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from govflow.errors import PolicyError, VocabularyError
from govflow.policy.provided import unprovided
from govflow.services.attribute_providers import configured_providers, registered
from govflow.services.policy_at_rest import at_rest
from govflow.services.policy_blocks import block_name
from govflow.services.read_policy import PolicyReading
from govflow.services.workspace import Workspace, configured_policy, open_workspace
from govflow.settings import Settings
from govflow.telemetry import get_logger

_NOTHING_CONFIGURED: Final[Mapping[str, Any]] = {
    "policy": None,
    "policy_layers": {},
    "policy_keys": None,
    "effects": (),
    "mode": "observe",
}

_log = get_logger(__name__)


def policy_changed(current: Workspace, settings: Settings) -> bool:
    """Whether reading the policy again could give another one than ``current`` has."""
    if set(registered()) - set(current.ground.providers.all):
        return True
    if current.reading is None:
        return settings.has_policy or settings.policy_keys is not None  # it could not be read
    return not current.reading.still_holds(datetime.now(UTC))


def renewed(current: Workspace | None, settings: Settings) -> Workspace:
    """What the next run is decided by, with the policy as its files are now.

    Args:
        current: what runs were decided by until now; None for the first.
        settings: as loaded.

    Returns:
        ``current`` itself where the policy means what it meant, so that nothing that hangs on it is made anew.

    Raises:
        GovflowError: enforce mode, and the policy cannot be used.
    """
    try:
        if current is None:
            return _told(open_workspace(settings, _whole, configured_providers(settings)))
        late = set(registered()) - set(current.ground.providers.all)
        # Where nothing could be used when the process began, those that the setting names were not loaded either.
        providers = configured_providers(settings) if late or current.reading is None else None
        reading = _whole(settings)
        if reading is None:
            return current if providers is None else current.with_policy(None, settings, providers)
        if providers is None and current.reading is not None and reading.document.digest == current.document.digest:
            current.reading = reading
            return current
        return _told(current.with_policy(reading, settings, providers))
    except (PolicyError, VocabularyError) as error:
        if settings.effective_mode == "enforce":
            raise
        # Observing stops nothing, and a broken file is nothing to judge by: the starter policy says what would be.
        _log.error("policy.unusable", reason=error.message, mend=error.mend)
        bare = settings.model_copy(update=_NOTHING_CONFIGURED)
        if current is None:
            return open_workspace(bare)
        return current if current.reading is None else current.with_policy(None, bare)


def _told(opened: Workspace) -> Workspace:
    """Say once what the policy reads and nobody provides: such a rule is not what it looks like."""
    for finding in unprovided(opened.document, opened.ground.providers.all):
        _log.warning("policy.unprovided", reason=finding.message, mend=finding.mend)
    return opened


def _whole(settings: Settings) -> PolicyReading | None:
    named = [settings.policy, *settings.policy_layers.values()]
    files = [file for file in named if file is not None and block_name(file) is None]
    if not files:  # a server gives what it keeps whole
        return configured_policy(settings)
    keys = [] if settings.policy_keys is None else [settings.policy_keys]
    return at_rest(lambda: _configured(settings), [*files, *keys])


def _configured(settings: Settings) -> PolicyReading:
    reading = configured_policy(settings)
    assert reading is not None  # a file is named
    return reading
