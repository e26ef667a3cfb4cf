"""Settings that stand near a flow and were not read, because the process was started in another folder.

Settings are looked up from the working directory. A flow whose repository says ``enforce`` and that is started from
elsewhere would only be observed, and nobody would be told.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from govflow.setting_layers import file_layers
from govflow.settings import Settings

_TELLING: Final = ("mode", "policy", "policy_layers")
"""What makes a file a configuration of governance."""

_COMPARED: Final = (*_TELLING, "environment", "effects")


def unread_configuration(settings: Settings, flow_file: Path) -> str | None:
    """Why ``settings`` are not those that the flow's own repository states; None when they are.

    A file counts when it sets mode or policy. An argument or an environment variable is stronger than any file, so what
    they give is what somebody meant; and whoever gives ``mode`` as observe means that nothing is stopped.

    Args:
        settings: made by :func:`govflow.settings.load_settings`.
        flow_file: the file that the flow is written in.

    Returns:
        A sentence that names the file, the settings and the way out.

    Raises:
        SettingsError: a file near the flow cannot be read.
    """
    near = list(file_layers(flow_file.absolute().parent))
    stated = {key: layer for layer in reversed(near) for key in _COMPARED if key in layer.values}
    explicit = settings.explicit
    if stated.keys().isdisjoint(_TELLING) or ("mode" in explicit and settings.mode == "observe"):
        return None
    unread = [
        key
        for key in _COMPARED
        if key in stated
        and key not in explicit
        and _comparable(key, stated[key].values[key]) != _comparable(key, getattr(settings, key))
    ]
    if not unread:
        return None
    place = stated[unread[0]].place
    folder = Path(place.rpartition(" [")[0]).parent
    variables = ", ".join(f"GOVFLOW_{key.upper()}" for key in unread)
    return (
        f"{place} sets {' and '.join(unread)} for {flow_file.name}, and it was not read: settings are looked up from "
        f"the working directory of the process. Start it in {folder}, or set {variables}."
    )


def _comparable(key: str, value: Any) -> Any:
    """A setting in a form in which two places can be compared."""
    if key == "policy" and value is not None:
        return os.path.realpath(os.path.expanduser(str(value)))
    if key == "policy_layers" and isinstance(value, Mapping):
        return {layer: os.path.realpath(os.path.expanduser(str(path))) for layer, path in value.items()}
    if key == "effects":
        return [os.path.realpath(os.path.expanduser(str(path))) for path in value]
    return None if key == "mode" and value == "auto" else value
