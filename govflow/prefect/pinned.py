"""The flow that was looked at is the one that is loaded.

The engine reads the deployment before its pull steps run. Whoever changes the entrypoint in the meantime, and back,
would have another flow loaded than the one that the guard read.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, Final, NoReturn

from prefect import flows
from prefect.utilities.filesystem import relative_path_to_current_platform

from govflow.errors import EngineError, GovflowError, PlanDrift

_RESOLVER: Final = "prefect.runner._workspace_resolver"
"""Runs the pull steps for a process that then loads the flow: what it names as the entrypoint is what is loaded."""


def load_only(entrypoint: str, stop: Callable[[GovflowError], NoReturn]) -> None:
    """Let this process load, or name for loading, the flow of ``entrypoint`` and no other.

    Args:
        entrypoint: of the deployment, as it was verified.
        stop: ends the run.

    Raises:
        EngineError: Prefect prepares the run in a way that this was not written for.
    """
    verified = {entrypoint, str(relative_path_to_current_platform(entrypoint))}
    _put(flows, "load_flow_from_entrypoint", verified, stop)
    main = sys.modules.get("__main__")
    runs_as_main = getattr(getattr(main, "__spec__", None), "name", "") == _RESOLVER
    for module in (sys.modules.get(_RESOLVER), main if runs_as_main else None):
        if module is not None:
            _put(module, "_resolve_runtime_entrypoint", verified, stop)


def _put(module: Any, name: str, verified: set[str], stop: Callable[[GovflowError], NoReturn]) -> None:
    original: Callable[..., Any] | None = getattr(module, name, None)
    if original is None:
        raise EngineError(
            f"Prefect's {module.__name__} has no {name}: it cannot be shown which flow is loaded.",
            mend="Install a version of Prefect that this version of govflow supports: govflow doctor names them.",
        )

    @functools.wraps(original)
    def only(given: str, *args: Any, **kwargs: Any) -> Any:
        if given not in verified:
            stop(
                PlanDrift(
                    f"The engine loads {given}; what was verified for this run is {min(verified)}.",
                    mend="Somebody changed the deployment's entrypoint while the run was starting: deploy it again.",
                )
            )
        return original(given, *args, **kwargs)

    setattr(module, name, only)
