"""Settings that a flow run brings along: whoever may start one may give it job variables, and so an environment.

Then its process does not have the settings of the worker, and nobody in it knows what those were.
"""

from __future__ import annotations

from collections.abc import Mapping

from prefect.client.schemas.objects import FlowRun

from govflow.errors import Denied
from govflow.setting_layers import PREFIX

_STRONGER = ("GOVFLOW_MODE", "enforce")


def refuse_own_settings(flow_run: FlowRun) -> None:
    """Return if the settings of this process are not of the run's own making.

    Raises:
        Denied: they are. Whatever mode they say does not count.
    """
    given = (flow_run.job_variables or {}).get("env")
    names = [
        str(name)
        for name, value in (given if isinstance(given, Mapping) else {}).items()
        if str(name).upper().startswith(PREFIX) and (str(name).upper(), value) != _STRONGER
    ]
    if names:
        raise Denied(
            f"Run {flow_run.id} was started with settings of its own: {', '.join(sorted(names))}.",
            mend="Settings are the worker's: start the run without them in its job variables.",
            details={"settings": sorted(names)},
        )
