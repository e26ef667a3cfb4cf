"""Which policy file a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from govflow.policy import PolicyDocument


def policy_file(given: Path | None) -> Path:
    """The file that was given, else the configured one.

    Raises:
        RequestError: neither is there.
    """
    from govflow.errors import RequestError
    from govflow.settings import load_settings

    if given is not None:
        return given
    configured = load_settings().policy
    if configured is None:
        raise RequestError("POLICY is missing, and no policy is configured.", mend="govflow policy lint policy.yaml")
    return configured


def document_of(file: Path) -> PolicyDocument:
    """The policy of a file to be looked at: a plain one as it is, a signed one if the configured keys signed it."""
    from govflow.services.read_policy import read_policy

    return read_policy(file, keys_for(file))


def keys_for(file: Path) -> Path | None:
    """The configured public keys, of a signed policy."""
    from govflow.services.read_policy import is_bundle
    from govflow.settings import load_settings

    return load_settings().policy_keys if is_bundle(file) else None
