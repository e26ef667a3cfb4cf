"""Prefect's start-up hook (entry point group ``prefect.plugins``).

Prefect calls it while it is imported, if its plugins are enabled. It passes over every failure of a plugin, so this is
one way in and never the only gate.
"""

from __future__ import annotations

import os
from typing import Any

from govflow.startup.watch import watch


def setup_environment(*, ctx: Any) -> None:
    """Govern this process if somebody has said that it is to be governed: by GOVFLOW_MODE, or in settings.

    Args:
        ctx: Prefect's context for plugins; nothing of it is needed.
    """
    if os.environ.get("GOVFLOW_MODE") or _configured():
        watch()


# What Prefect's ``register_hook`` would write on it; importing that here would import Prefect.
setup_environment.__dict__["prefect-experimental_impl"] = {
    "wrapper": False,
    "hookwrapper": False,
    "optionalhook": False,
    "tryfirst": True,
    "trylast": False,
    "specname": None,
}


def _configured() -> bool:
    """Whether a setting asks for it. Settings that cannot be read do: the first run then says what is wrong."""
    from govflow.errors import SettingsError
    from govflow.settings import load_settings

    try:
        settings = load_settings()
    except SettingsError:
        return True
    return settings.mode is not None or settings.has_policy
