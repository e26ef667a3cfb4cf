"""Who owns the schedule, the automation or the bot that started a run, as far as anybody says so.

Prefect's own server names nobody: a scheduled run has no creator, and one that an automation started has that
automation's name. So owners are declared, where a deployment is: by a tag or a label, which Prefect copies to each of
its runs, or by the setting ``owners`` of the process that runs them. A declaration only takes away: whoever is named
cannot answer, and nobody gets a right by being named or by being left out.
"""

from __future__ import annotations

from typing import Final

from prefect.client.schemas.objects import FlowRun

from govflow.approval.people import person_key
from govflow.settings import Settings

LABEL: Final = "govflow.owner"
"""The label of a deployment or a run; one name, or several with commas between them."""

TAG: Final = f"{LABEL}:"
"""Stands in a tag before one name: ``govflow.owner:dora``."""


def owners_of(flow_run: FlowRun | None, settings: Settings) -> tuple[str, ...]:
    """Names of those whose answers count as little as the requester's, each once.

    Args:
        flow_run: as Prefect has it; None where there is none, as for a task that was delayed.
        settings: of this process.
    """
    found = list(settings.owners)
    if flow_run is not None:
        found += str((flow_run.labels or {}).get(LABEL) or "").split(",")
        found += [tag.removeprefix(TAG) for tag in flow_run.tags if tag.startswith(TAG)]
    return tuple({person_key(name): name.strip() for name in found if name.strip()}.values())
