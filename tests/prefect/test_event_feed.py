"""Prefect's event feed as a sink: what its prefixes say, with what a run stands in, and from other processes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from govflow.audit.record import Draft
from govflow.errors import Denied
from govflow.services.event_sinks import tell_sinks
from govflow.settings import Settings
from govflow.store import Store
from tests.prefect.conftest import Home
from tests.prefect.feed import feed
from tests.prefect.people import until
from tests.prefect.test_events_and_artifacts import RULES, SOURCE


@pytest.mark.covers("S1-37", "S5-57")
def test_only_what_its_prefixes_say_reaches_the_feed_and_all_of_it_the_log(home: Home, prefect_server: str) -> None:
    home.configure(policy=RULES, sinks='{"feed": {"prefect": true, "events": ["ir.validated_reject"]}}')
    module = home.load(SOURCE)
    module.harmless()
    with pytest.raises(Denied):
        module.forbidden()
    logged = [body for body in home.events() if body["event"].startswith("ir.")]
    assert {body["event"] for body in logged} == {"ir.validated_pass", "ir.validated_reject"}
    (event,) = until(lambda: feed(prefect_server, {body["run_id"] for body in logged}), "the event")
    assert event["event"] == "ir.validated_reject"
    roles = {related["prefect.resource.role"] for related in event["related"]}
    assert {"flow-run", "flow"} <= roles, "an automation may ask for any of these"


def _told(store: Store, settings: Settings, run_id: str | None) -> tuple[int, int]:
    sinks = tell_sinks(store, settings)
    payload = {"cause": "a password in postgresql://u:canary-pw@db/x"}
    draft = Draft("ir.approval_invalid", "acme", datetime.now(UTC), run_id=run_id, flow="etl", payload=payload)
    store.append(draft, durable=True)
    assert sinks.flush(240)
    (stats,) = sinks.stats()
    return stats.delivered, stats.failed


SETTINGS = Settings.model_validate({"sinks": {"feed": {"prefect": True}}})


def test_a_process_without_a_run_tells_the_feed_as_well_and_no_secret(prefect_server: str) -> None:
    run_id = str(uuid4())
    with Store.memory() as store:
        assert _told(store, SETTINGS, run_id) == (1, 0)
    (event,) = until(lambda: feed(prefect_server, {run_id}), "the event")
    assert event["payload"]["payload"]["cause"] == "a password in postgresql://u:***@db/x"
    assert event["payload"]["meta"]["tenant_id"] == event["resource"]["govflow.tenant"] == "acme"
    assert [related["prefect.resource.id"] for related in event["related"]] == [f"prefect.flow-run.{run_id}"]


ASYNC = """
from govflow.prefect import flow, task

@task(action="data:delete", provider="duckdb", resource="table://t")
async def purge() -> str:
    return "purged"

@flow
async def inner(name: str) -> str:
    return await purge()
"""


def test_of_runs_that_share_a_thread_and_its_writes_each_event_names_its_own(home: Home, prefect_server: str) -> None:
    home.configure(policy=RULES, mode="observe", sinks='{"feed": {"prefect": true}}')
    inner = home.load(ASYNC).inner

    async def both() -> None:
        await asyncio.gather(*(tagged(inner, name) for name in ("one", "two", "three")))

    asyncio.run(both())
    runs = {body["run_id"] for body in home.events() if body["event"] == "ir.validated_escalate"}
    assert len(runs) == 3

    def all_three() -> list[dict[str, Any]]:
        found = feed(prefect_server, runs)
        return found if {event["payload"]["target"] for event in found} == runs else []

    seen = until(all_three, "the events of all three")
    tags = set()
    for event in seen:
        ids = {one["prefect.resource.role"]: one["prefect.resource.id"] for one in event["related"]}
        assert ids["flow-run"] == f"prefect.flow-run.{event['payload']['target']}"
        assert event["payload"]["target"] in runs
        tags.add((event["payload"]["target"], ids["tag"]))
    assert len(tags) == 3 and {tag for _, tag in tags} == {f"prefect.tag.{name}" for name in ("one", "two", "three")}


async def tagged(flow: Callable[[str], Awaitable[str]], name: str) -> None:
    from prefect import tags

    with tags(name):
        await flow(name)


def test_an_event_of_no_run_is_the_tenants() -> None:
    with Store.memory() as store:
        assert _told(store, SETTINGS, None) == (1, 0)


ALONE = """
import json, os, sys
from datetime import UTC, datetime
from govflow.audit.record import Draft
from govflow.services.event_sinks import tell_sinks
from govflow.settings import Settings
from govflow.store import Store

sinks = tell_sinks(store := Store.memory(), Settings.model_validate({"sinks": {"feed": {"prefect": True}}}))
assert "prefect" not in sys.modules, "nobody waits for Prefect before there is an event"
store.append(Draft("ir.approval_invalid", "acme", datetime.now(UTC), payload={}), durable=True)
sinks.flush(240)
print(json.dumps([[stats.delivered, stats.failed] for stats in sinks.stats()]))
"""


def test_without_an_address_none_is_told_and_no_server_is_started(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        env=environment | {"PREFECT_HOME": str(tmp_path), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[0, 1]]
    assert "PREFECT_API_URL" in done.stderr + done.stdout or "There is no Prefect" in done.stderr
    assert "Starting temporary server" not in done.stdout + done.stderr
