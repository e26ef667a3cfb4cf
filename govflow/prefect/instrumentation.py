"""Zero-code governance: flows and tasks that never heard of govflow, governed in this process.

Prefect's classes are patched once for a process. What was made before is covered too: the patches stand in the classes,
not in the flows. In enforce mode no flow starts in a process in which govflow cannot show that it sees what runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from govflow.errors import EngineError
from govflow.prefect.canary import prove
from govflow.prefect.engine import require_supported
from govflow.prefect.origins import watch_origins
from govflow.prefect.patches import PATCHES, Patch
from govflow.settings import stated_mode
from govflow.telemetry import get_logger

_log = get_logger(__name__)
_lock = threading.RLock()
_originals: Final[dict[Patch, Callable[..., Any]]] = {}


def instrument() -> bool:
    """Govern every flow and task of this process from now on. Safe to call again, and from any thread.

    Returns:
        Whether they are governed: False where that cannot be shown and govflow only observes; a warning says why.

    Raises:
        EngineError: it cannot be shown, and the mode is enforce. No flow starts in this process then.
    """
    with _lock:
        if is_instrumented():
            return True
        try:
            require_supported()
            for patch in PATCHES:
                patch.check()
            _put_in(lambda patch: patch.around(patch.standing))
            watch_origins()
            prove()
        except EngineError as error:
            uninstrument()
            if stated_mode() == "observe":
                _log.warning("zero_code.off", reason=error.message, mend=error.mend)
                return False
            reason = error
            _put_in(lambda patch: _refusing(patch.standing, reason))
            raise
        return True


def uninstrument() -> None:
    """Give Prefect its own functions back. Runs that are open go on as they began."""
    with _lock:
        for patch, original in _originals.items():
            setattr(patch.owner, patch.name, original)
        _originals.clear()


def is_instrumented() -> bool:
    """Whether what :func:`instrument` puts in is there."""
    return bool(_originals)


def _put_in(made: Callable[[Patch], Callable[..., Any]]) -> None:
    for patch in PATCHES:
        try:
            original, other = patch.standing, made(patch)
        except EngineError:
            continue  # nothing stands there: nothing runs by it
        setattr(patch.owner, patch.name, other)
        _originals[patch] = original


def _refusing(original: Callable[..., Any], error: EngineError) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise EngineError(error.message, mend=error.mend)

    refuse.__doc__ = original.__doc__
    return refuse
