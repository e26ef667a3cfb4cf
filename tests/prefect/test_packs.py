"""Packs over real runs: a policy file of one line, and what it stops, asks and lets through."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from govflow.audit.record import Draft
from govflow.errors import Refused
from govflow.governor.providers import AttributeProvider
from govflow.ir.hashing import plan_hash
from govflow.ir.lock import plan_key
from govflow.planning.planner import plan_flow
from govflow.services import attribute_providers
from govflow.sources import WorkingTree
from tests.prefect.conftest import Home
from tests.prefect.people import Background, pending, vote

OWN = """
  rules:
    - {name: code, effect: allow, actions: ["task:execute", "flow:execute"], resources: ["task://*", "flow://*"]}
    - {name: rest, effect: allow, priority: 200, actions: ["data:*"]}
"""
CHANGES = "version: 1\nimports: ['pack:production-changes']\npolicy:\n  name: acme" + OWN
TENANTS = "version: 1\nimports: ['pack:tenant-isolation']\npolicy:\n  name: acme" + OWN

FLOW = """
    from govflow.prefect import flow, task

    RAN = []

    @task(action="data:read", provider="postgres", resource="dataset://{tenant}/sales")
    def read(tenant: str) -> None:
        RAN.append(tenant)

    @task(action="data:write", provider="postgres", resource="dataset://acme/sales")
    def write() -> None:
        RAN.append("write")

    @task(action="data:delete", provider="postgres", resource="dataset://acme/sales", records="{count}")
    def purge(count: int) -> None:
        RAN.append(count)

    @flow
    def reads(tenant: str) -> None:
        read(tenant)

    @flow
    def writes() -> None:
        write()

    @flow
    def purges(count: int) -> None:
        purge(count)
"""


BUDGETS = """
version: 1
imports: ["pack:budgets?approve_above=20"]
policy:
  name: acme
  rules:
    - {name: rest, effect: allow, actions: ["*"]}
"""
ASKS = """
    from govflow.prefect import flow, task

    RAN = []

    @task(action="model:invoke", provider="openai", resource="model://small")
    def ask() -> None:
        RAN.append("asked")

    @flow
    def asks() -> None:
        ask()
"""


def _approve_plan(home: Home, function: str) -> None:
    plan = plan_flow(WorkingTree(home.path), "project_flow.py", function).plan
    now = datetime.now(UTC)
    draft = Draft(event="plan.approved", tenant="default", at=now, subject="bob", flow=plan.flow, payload={})
    home.store().plans.approve("default", plan_key(plan), plan, plan_hash(plan), "bob", now, draft)


def test_a_tenant_reads_what_is_its_own_and_nothing_else(home: Home) -> None:
    home.configure(policy=TENANTS, tenant="acme")
    module = home.load(FLOW)
    module.reads("acme")
    with pytest.raises(Refused) as caught:
        module.reads("umbrella")
    assert "belongs to another tenant" in str(caught.value)
    assert module.RAN == ["acme"]


@pytest.mark.covers("S2-032")
def test_a_change_in_production_waits_for_somebody(home: Home) -> None:
    home.configure(policy=CHANGES, environment="production")
    module = home.load(FLOW)
    _approve_plan(home, "writes")  # production asks for that as well
    run = Background(module.writes)
    (request,) = pending(home.store())
    assert (int(request.tier), module.RAN) == (2, [])
    vote(home.store(), request, "bob")
    run.join()
    assert module.RAN == ["write"]


@pytest.mark.covers("S2-033")
def test_a_deletion_of_more_than_a_hundred_records_waits_for_two(home: Home) -> None:
    home.configure(policy=CHANGES)
    module = home.load(FLOW)
    module.purges(100)
    run = Background(module.purges, 101)
    (request,) = pending(home.store())
    assert (int(request.tier), module.RAN) == (3, [100])
    vote(home.store(), request, "bob")
    vote(home.store(), request, "carol")
    run.join()
    assert module.RAN == [100, 101]


def test_a_change_outside_production_does_not_wait(home: Home) -> None:
    home.configure(policy=CHANGES, environment="staging")
    module = home.load(FLOW)
    module.writes()
    assert module.RAN == ["write"]


def test_a_pack_decides_by_what_a_provider_says(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribute_providers, "_registered", [])
    known: dict[str, object] = {"budget.org_left": 9, "budget.team_left": 9, "budget.user_left": 9}
    known["run.estimated_cost"] = 20
    paths = dict.fromkeys(known, "number")
    attribute_providers.register(AttributeProvider("budget", paths, lambda facts, wanted: dict(known)))
    home.configure(policy=BUDGETS)
    module = home.load(ASKS)
    module.asks()
    assert module.RAN == ["asked"]
    known["run.estimated_cost"] = 20.01
    run = Background(module.asks)
    (request,) = pending(home.store())
    assert (request.policy_rule, len(module.RAN)) == ("budgets.expensive-step", 1)
    vote(home.store(), request, "bob")
    run.join()
    assert len(module.RAN) == 2
    known["budget.org_left"] = known["budget.team_left"] = 0
    with pytest.raises(Refused, match="organisation's budget"):
        module.asks()
    assert len(module.RAN) == 2


def test_a_pack_denies_what_no_provider_tells(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribute_providers, "_registered", [])
    home.configure(policy=BUDGETS)
    module = home.load(ASKS)
    with pytest.raises(Refused, match="organisation's budget"):
        module.asks()
    assert module.RAN == []
