"""What a Prefect server has heard of governed runs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import httpx


def feed(server: str, run_ids: Collection[str]) -> list[dict[str, Any]]:
    """The governance events of these runs in the server's event feed, newest first."""
    resources = {"id": [f"govflow.run.{run_id}" for run_id in run_ids]}
    wanted = {"filter": {"event": {"prefix": ["ir."]}, "resource": resources}, "limit": 50}
    answer = httpx.post(f"{server}/events/filter", json=wanted).raise_for_status()
    events: list[dict[str, Any]] = answer.json()["events"]
    return events
