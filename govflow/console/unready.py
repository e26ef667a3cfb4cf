"""What is wrong with the installation itself: the log of the console has it, and whoever is not signed in does not.

Such errors name files, quote them, and say where the database is. They come up before it is known who asks: nobody can
be told whom a policy, an issuer's keys or a database speaks of where these cannot be read.
"""

from __future__ import annotations

from typing import Final

from fastapi import Request

from govflow.errors import GovflowError, KeyFileError, PolicyError, SettingsError, StoreError, VocabularyError
from govflow.telemetry import get_logger

UNREADY: Final = (PolicyError, SettingsError, VocabularyError, KeyFileError, StoreError)
"""Of the policy, the settings, the keys and the database: nothing that was sent is wrong."""

_log = get_logger(__name__)


def for_whoever_asks(request: Request, error: GovflowError) -> GovflowError:
    """The error in the words that whoever asks may read; one of the installation goes to the log as well."""
    if not isinstance(error, UNREADY):
        return error
    _log.error("console.unready", code=error.code, reason=error.message, mend=error.mend)
    if getattr(request.state, "signed_in", None) is not None:
        return error
    what = "database" if isinstance(error, StoreError) else "policy or its settings"
    return type(error)(
        f"govflow cannot use its {what} now, so it knows nobody and decides nothing.",
        mend="Whoever runs it finds in the log of the console what to mend.",
    )
