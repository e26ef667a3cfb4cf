"""The environment of a command whose Python processes are to be governed, and of all that they start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from govflow.services.noted_runs import RUNS

_FOLDER: Final = str(Path(__file__).with_name("path"))


def governed_environment(
    environ: Mapping[str, str], *, mode: str | None = None, runs: Path | None = None
) -> dict[str, str]:
    """``environ`` with govflow's folder in front of PYTHONPATH, which processes inherit from one another.

    Args:
        environ: of this process.
        mode: observe or enforce; None leaves it to the settings.
        runs: the file in which its governed runs write their ids, for the report at its end.
    """
    others = [folder for folder in environ.get("PYTHONPATH", "").split(os.pathsep) if folder and folder != _FOLDER]
    given = {**environ, "PYTHONPATH": os.pathsep.join([_FOLDER, *others])}
    if mode is not None:
        given["GOVFLOW_MODE"] = mode
    if runs is not None:
        given[RUNS] = str(runs)
    return given
