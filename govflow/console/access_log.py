"""What a web server may write of a request: no secret that stands in its path or query.

An invitation's secret is a part of its path, and what a sign-in provider sends back is in the query.
"""

from __future__ import annotations

import logging
import re
from typing import Final

from govflow.telemetry import redact_text

_LOGGERS: Final = ("uvicorn.access", "uvicorn.error", "uvicorn")
_HIDDEN: Final = re.compile(r"(/sign-in/(?:link|oidc)).*", re.DOTALL)  # below whatever path the console is mounted


class HideSecrets(logging.Filter):
    """Shortens what stands behind a sign-in path, and masks secrets wherever else they are."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; every record passes."""
        if isinstance(record.args, tuple):
            record.args = tuple(_shown(value) for value in record.args)
        if isinstance(record.msg, str):
            record.msg = redact_text(record.msg)
        return True


def hide_secrets() -> None:
    """Let the server of this process write no secret. Calling it again changes nothing."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, HideSecrets) for one in logger.filters):
            logger.addFilter(HideSecrets())


def _shown(value: object) -> object:
    if not isinstance(value, str):
        return value
    return redact_text(_HIDDEN.sub(r"\1/***", value))
