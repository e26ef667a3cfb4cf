"""Runs that are open in a store of their own, without an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from govflow.governor.governed_run import GovernedRun, RunFacts
from govflow.governor.port import drive
from govflow.governor.run import close_run, open_run
from govflow.ir.models import Plan
from govflow.permits.models import Permit
from govflow.services.permits import permit_for
from govflow.services.store_port import StorePort
from govflow.services.workspace import Workspace
from tests.services.material import plan, workspace


def a_workspace(folder: Path, **settings: Any) -> Workspace:
    """A workspace whose database and keys lie in ``folder``."""
    given: dict[str, Any] = {
        "database_url": f"sqlite:///{folder}/gov/govflow.db",
        "signing_key": folder / "keys" / "signing.pem",
        "mode": "enforce",
        "principal": "rita",
    }
    return workspace(**(given | settings))


def opened(place: Workspace, a_plan: Plan | None = None, **changed: Any) -> GovernedRun:
    """A run of ``a_plan`` that the governor let start."""
    read = a_plan or plan()
    facts: dict[str, Any] = {
        "run_id": str(uuid4()),
        "flow": read.flow,
        "idempotency_key": "key",
        "requester": place.requester(),
        "ground": place.ground,
        "vocabulary": place.vocabulary,
        "plan": read,
        "unbound": None,
        "parameters": {},
    }
    return drive(open_run(RunFacts(**(facts | changed))), StorePort(place))


def closed(place: Workspace, run: GovernedRun) -> None:
    """Its flow's body has failed."""
    drive(close_run(run, failed="ValueError"), StorePort(place))


def asked(place: Workspace, run: GovernedRun, **changed: Any) -> Permit:
    """What is to be signed for ``run``."""
    permit = permit_for(run, ttl_seconds=place.settings.permit_ttl_seconds)
    return permit.model_copy(update=changed)


def events(place: Workspace, run_id: str) -> list[str]:
    """The events of a run in the order of the log."""
    import json

    entries = place.store.tail(place.settings.tenant, 100, run_id=run_id)
    return [json.loads(entry.body)["event"] for entry in entries]
