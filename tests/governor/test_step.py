"""One call of a step: what decides it, what is on record, and what needs no decision of its own."""

from __future__ import annotations

from typing import Any

import pytest

from govflow.errors import ApprovalDenied, CanonicalError, Denied, Refused, Unbound, Unplanned
from govflow.governor.call import Call
from govflow.governor.port import drive
from govflow.governor.run import open_run
from govflow.governor.step import after
from govflow.governor.step_records import intent_draft, outcome_draft, write_intent, write_outcome
from govflow.governor.warm import settled, warm
from govflow.ir.models import Multiplicity, Step, StepKind, Tier
from tests.governor.conftest import Staged
from tests.governor.plans import plan, step
from tests.governor.stage import POLICY, Stage, approved_by, denied_by

SALES = {"provider": "duckdb", "resource": "dataset://acme/sales"}
LOAD = step("etl/load#1", action="data:read", **SALES)
SAVE = step("etl/save#1", action="data:write", **SALES)
PURGE = step("etl/purge#1", action="data:delete", **SALES)
MANY, OPTIONAL = Multiplicity.MANY, Multiplicity.OPTIONAL


def changed(a_step: Step, **fields: Any) -> Step:
    return a_step.model_copy(update=fields)


# --- the short way ----------------------------------------------------------------------------------------------------


def _without_noise(stage: Stage) -> list[dict[str, Any]]:
    """The log, without what differs between any two processes."""
    noise = {"at", "writer", "writer_seq"}
    return [{name: value for name, value in body.items() if name not in noise} for body in stage.log()]


def test_a_name_that_is_spelled_as_what_a_template_fills_in_is_on_record_as_any_other(stage: Stage) -> None:
    name = "hole-6f1c4a52-task-run"
    run = drive(open_run(stage.facts(plan(LOAD), flow=name)), stage.port)
    stage.call(run, LOAD.step_id)
    found = warm(run, Call(frozenset({LOAD.step_id}), "callee", "task-run-1"))
    assert found is not None
    write_intent(run, found, stage.port)
    write_outcome(run, found, stage.port, None)
    last = stage.log()[-2:]
    assert [(body["event"], body["flow"]) for body in last] == [("step.intent", name), ("step.outcome", name)]
    assert {body["payload"]["task_run_id"] for body in last} == {"task-run-1"}


@pytest.mark.parametrize("fan_out", [None, 3])
@pytest.mark.parametrize("a_step", [LOAD, SAVE, changed(SAVE, multiplicity=MANY)], ids=["read", "write", "many"])
def test_the_short_way_leaves_the_records_of_the_long_one(staged: Staged, a_step: Step, fan_out: int | None) -> None:
    logs = []
    for way in ("long", "short", "written out"):
        stage = staged(database=way)
        run = stage.open(plan(a_step))
        call = Call(frozenset({a_step.step_id}), "callee", "task-run-1", fan_out=fan_out)
        grant = stage.call(run, a_step.step_id, fan_out=fan_out)  # the size of a map is judged once
        if way != "long":
            found = warm(run, call)
            assert found is not None
            if way == "short":
                write_intent(run, found, stage.port)
                write_outcome(run, found, stage.port, None)
            else:
                stage.port.append(intent_draft(run, found, stage.port.now()), durable=False)
                stage.port.append(outcome_draft(run, found, stage.port.now(), None), durable=False)
            first, opening = _without_noise(stage), 3 if fan_out is None else 4  # the size of a map was decided
            assert [body["event"] for body in first[opening:]] == ["step.intent", "step.intent", "step.outcome"]
            logs.append([*first[:opening], *first[opening + 1 :]])
        else:
            stage.finish(run, grant)
            logs.append(_without_noise(stage))
    assert logs[0] == logs[1] == logs[2]
    assert [body["event"] for body in logs[0]][-2:] == ["step.intent", "step.outcome"]


def test_what_needs_a_decision_has_no_short_way(staged: Staged) -> None:
    stage = staged(
        POLICY.replace(
            "  rules:\n",
            "  rules:\n    - {name: no-eu, effect: deny, priority: 5,"
            " actions: ['data:write'], conditions: {parameters.region: {equals: eu}}}\n",
        )
    )
    run = stage.open(plan(changed(LOAD, resource="dataset://acme/{table}"), SAVE, PURGE))
    for step_id in ("etl/load#1", "etl/save#1", "etl/purge#1", "etl/other#1"):
        assert warm(run, Call(frozenset({step_id}), "callee", "task-run-1")) is None


@pytest.mark.parametrize(
    "spoilt", [{"unbound": "it was edited"}, {"step_ids": frozenset({"etl/load#1", "etl/save#1"})}]
)
def test_what_is_not_certain_has_no_short_way(stage: Stage, spoilt: dict[str, Any]) -> None:
    run = stage.open(plan(LOAD, SAVE))
    given: dict[str, Any] = {"step_ids": frozenset({"etl/load#1"}), "callee": "load", "task_run_id": "task-run-1"}
    assert warm(run, Call(**given)) is not None
    assert warm(run, Call(**(given | spoilt))) is None


def test_a_run_that_enforce_mode_would_have_stopped_has_no_short_way(staged: Staged) -> None:
    stage = staged(mode="observe")
    run = stage.open(plan(LOAD), unbound="it was edited")
    assert warm(run, Call(frozenset({"etl/load#1"}), "load", "task-run-1")) is None


@pytest.mark.parametrize("way", ["short", "long"])
def test_a_step_that_is_planned_once_runs_once(stage: Stage, way: str) -> None:
    run = stage.open(plan(LOAD))
    first, second = (Call(frozenset({"etl/load#1"}), "load", f"task-run-{n}") for n in (1, 2))
    if way == "short":
        assert warm(run, first) is not None
        assert warm(run, second) is None
    else:
        stage.call(run, "etl/load#1")
    with pytest.raises(Unplanned, match="runs more often than the approved plan says"):
        stage.call(run, "etl/load#1", task_run="task-run-2")
    stage.call(run, "etl/load#1", attempt=2)  # a retry is the same task run


@pytest.mark.parametrize("a_step", [changed(LOAD, multiplicity=MANY)])
def test_a_step_that_is_planned_many_times_runs_many_times(stage: Stage, a_step: Step) -> None:
    run = stage.open(plan(a_step))
    for number in range(5):
        stage.call(run, "etl/load#1", task_run=f"task-run-{number}")
    assert len(stage.log("step.intent")) == 5


# --- which step a call is ---------------------------------------------------------------------------------------------


@pytest.mark.covers("S5-38")
def test_a_task_that_is_not_in_the_plan_stops_before_its_body(stage: Stage) -> None:
    run = stage.open(plan(LOAD))
    with pytest.raises(Unplanned, match="callee is called where the approved plan of flow 'etl' has no such step"):
        stage.call(run, "etl/purge#1")
    with pytest.raises(Unplanned):
        stage.call(run)
    assert "step.intent" not in stage.events()
    assert [record["payload"]["code"] for record in stage.log("step.refused")] == ["unplanned", "unplanned"]


def test_a_body_that_was_exchanged_is_stopped(stage: Stage) -> None:
    run = stage.open(plan(LOAD))
    with pytest.raises(Unbound, match="the function was replaced"):
        stage.call(run, "etl/load#1", unbound="the function was replaced")
    assert "step.intent" not in stage.events()


@pytest.mark.parametrize("order", [(LOAD, PURGE), (PURGE, LOAD)])
def test_a_site_that_may_be_several_steps_is_decided_by_the_strictest(stage: Stage, order: tuple[Step, Step]) -> None:
    run = stage.open(plan(*order, changed(SAVE, step_id="etl/save#1")))
    stage.port.answer = approved_by("bob", "carol")
    grant = stage.call(run, "etl/load#1", "etl/purge#1", "etl/save#1", "etl/unknown#1")
    assert grant.step_id == "etl/purge#1"
    assert [request.binding.step_id for request in stage.requests()] == ["etl/purge#1"]


def test_among_equal_verdicts_the_higher_tier_is_stricter(stage: Stage) -> None:
    run = stage.open(plan(LOAD, SAVE))
    assert stage.call(run, "etl/load#1", "etl/save#1").step_id == "etl/save#1"


UNRESOLVED = step("etl/unresolved#1", kind=StepKind.UNRESOLVED, callee="chosen()", reason="not known which task it is")


def test_a_site_that_could_not_be_read_is_judged_by_what_the_task_declares(stage: Stage) -> None:
    run = stage.open(plan(UNRESOLVED))
    harmless = {"callee": "load", "action": "data:read", **SALES}
    assert stage.call(run, "etl/unresolved#1", declared=lambda: harmless).tier is Tier.MINIMAL
    stage.port.answer = approved_by("bob", "carol")
    risky = {"callee": "purge", "action": "data:delete", **SALES}
    grant = stage.call(run, "etl/unresolved#1", declared=lambda: risky)
    assert grant.tier is Tier.HIGH
    assert grant.request is not None
    assert "purge does data:delete on dataset://acme/sales" in grant.request.reason
    pays = {"callee": "pay", "action": "payment:create", "provider": "stripe", "resource": "payment://acme"}
    with pytest.raises(Denied, match="no-payments"):
        stage.call(run, "etl/unresolved#1", declared=lambda: pays)


# --- tiers, under the starter policy --------------------------------------------------------------------------------


@pytest.mark.covers("S5-11", "S5-12")
@pytest.mark.parametrize(("a_step", "tier"), [(LOAD, Tier.MINIMAL), (SAVE, Tier.LOW)], ids=["read", "safe dev write"])
def test_reads_and_safe_writes_run_by_themselves_and_are_recorded(staged: Staged, a_step: Step, tier: Tier) -> None:
    stage = staged(None, mode="enforce")
    run = stage.open(plan(a_step))
    grant = stage.call(run, a_step.step_id)
    stage.finish(run, grant)
    assert grant.tier is tier
    assert not stage.port.asked
    intent, outcome = stage.log("step.intent", "step.outcome")
    assert (intent["payload"]["tier"], intent["payload"]["rule"]) == (tier, "low-risk-runs")
    assert outcome["payload"]["state"] == "succeeded"


DNS = step("etl/point#1", action="dns:update", provider="cloudflare", resource="dns://acme.example/www")


@pytest.mark.covers("S5-13")
@pytest.mark.parametrize(
    ("a_step", "environment"), [(SAVE, "production"), (DNS, "development")], ids=["production write", "dns"]
)
def test_production_writes_and_dns_changes_need_one_person(staged: Staged, a_step: Step, environment: str) -> None:
    stage = staged(None, mode="enforce", environment=environment)
    stage.approve(plan(a_step))
    run = stage.open(plan(a_step))
    stage.port.answer = approved_by("bob")
    grant = stage.call(run, a_step.step_id)
    assert grant.tier is Tier.MEDIUM
    assert [request.rule.required for request in stage.port.asked] == [1]


BOOK = step("etl/book#1", action="accounting:post", provider="odoo", resource="odoo://acme/account.move")
PAY = step("etl/pay#1", action="payment:create", provider="stripe", resource="payment://acme")


@pytest.mark.covers("S5-14")
@pytest.mark.parametrize("a_step", [PURGE, BOOK, PAY], ids=["destructive", "accounting", "payment"])
def test_destructive_and_accounting_steps_need_two_people(staged: Staged, a_step: Step) -> None:
    stage = staged(None, mode="enforce")
    run = stage.open(plan(a_step))

    def one_is_too_few(port: Any, request: Any) -> None:
        approved_by("bob")(port, request)
        assert port.current(request).state == "pending"
        approved_by("carol")(port, request)

    stage.port.answer = one_is_too_few
    grant = stage.call(run, a_step.step_id)
    assert grant.tier is Tier.HIGH
    assert [request.rule.required for request in stage.port.asked] == [2]


@pytest.mark.parametrize(("size", "asks"), [(100, False), (101, True)])
@pytest.mark.parametrize("counted", ["map", "template", "declared"])
def test_more_than_a_hundred_records_are_a_bulk_change(stage: Stage, size: int, asks: bool, counted: str) -> None:
    stage.port.answer = approved_by("bob", "carol")
    how: dict[str, Any] = {}
    a_step = changed(SAVE, multiplicity=MANY)
    if counted == "map":
        how = {"fan_out": size}
    elif counted == "template":
        a_step, how = changed(SAVE, records="{rows}"), {"given": {"rows": size}}
    else:
        a_step = changed(SAVE, records=size)
    run = stage.open(plan(a_step))
    grant = stage.call(run, "etl/save#1", **how)
    assert bool(stage.port.asked) is asks
    assert grant.tier is (Tier.HIGH if asks else Tier.LOW)
    assert grant.assessment is not None
    assert grant.assessment.records == size


def test_a_map_of_computations_is_no_bulk_change(stage: Stage) -> None:
    run = stage.open(plan(step("etl/compute#1", multiplicity=MANY)))
    assert stage.call(run, "etl/compute#1", fan_out=5000).tier is Tier.MINIMAL


def test_the_size_of_a_map_is_judged_for_each_size(stage: Stage) -> None:
    run = stage.open(plan(changed(SAVE, multiplicity=MANY)))
    stage.port.answer = approved_by("bob", "carol")
    step_ids = frozenset({"etl/save#1"})
    for size in (5, 101):
        stage.call(run, "etl/save#1", fan_out=size, task_run=f"task-run-{size}")
    assert warm(run, Call(step_ids, "save", "task-run-x", fan_out=5)) is not None
    assert warm(run, Call(step_ids, "save", "task-run-x", fan_out=101)) is None
    assert warm(run, Call(step_ids, "save", "task-run-x", fan_out=100)) is None, "not judged yet"


# --- what is on record ------------------------------------------------------------------------------------------------

CANARY = "canary-4711"


def test_parameters_of_a_risky_step_are_commitments_in_the_log(stage: Stage) -> None:
    run = stage.open(plan(PURGE), parameters={"who": "everybody"})
    stage.port.answer = approved_by("bob", "carol")
    grant = stage.call(run, "etl/purge#1", given={"name": CANARY, "rows": [1, 2]})
    stage.finish(run, grant, failed="ValueError")
    (intent,) = stage.log("step.intent")
    assert set(intent["commitments"]) == {"parameters.name", "parameters.rows"}
    assert CANARY not in str(stage.log())
    sealed = stage.port.store.values.get(intent["writer"], intent["writer_seq"])
    assert sealed["parameters.name"].value == CANARY, "kept beside the log, from where it can be erased"
    request = intent["payload"]["request"]
    assert request["resource"] == "dataset://acme/sales"
    assert request["attributes"]["step"]["tier"] == 3
    assert "parameters" not in request["attributes"]


def test_an_exception_is_recorded_by_its_type_alone(stage: Stage) -> None:
    run = stage.open(plan(LOAD))
    stage.finish(run, stage.call(run, "etl/load#1", attempt=2), failed="ValueError")
    (outcome,) = stage.log("step.outcome")
    assert outcome["payload"] == {"task_run_id": "task-run-1", "state": "failed", "error": "ValueError"}
    assert (outcome["attempt"], outcome["severity"]) == (2, "warning")


@pytest.mark.parametrize(
    ("environment", "durable"), [("development", False), ("production", True)], ids=["tier 1", "tier 2"]
)
def test_from_tier_two_on_the_intent_is_durable_before_the_body_runs(
    staged: Staged, environment: str, durable: bool
) -> None:
    stage = staged(environment=environment)
    stage.approve(plan(SAVE))
    stage.port.answer = approved_by("bob")
    run = stage.open(plan(SAVE))
    grant = stage.call(run, "etl/save#1")
    assert ("step.intent", durable, durable) in stage.port.durable
    assert grant.waits is durable
    stage.finish(run, grant)
    assert ("step.outcome", durable, durable) in stage.port.durable


def test_a_call_that_was_judged_by_its_parameters_says_so_in_its_intent(stage: Stage) -> None:
    run = stage.open(plan(changed(SAVE, records="{rows}")))
    stage.port.answer = approved_by("bob", "carol")
    stage.call(run, "etl/save#1", given={"rows": 101})
    (opened,) = stage.log("ir.validated_pass")
    assert opened["payload"]["steps"]["etl/save#1"]["tier"] == 1
    (intent,) = stage.log("step.intent")
    assert (intent["payload"]["tier"], intent["payload"]["rule"]) == (3, "two-say-yes")


@pytest.mark.parametrize(("a_step", "waits"), [(LOAD, False), (PURGE, True)])
def test_what_is_settled_waits_for_nothing(stage: Stage, a_step: Step, waits: bool) -> None:
    run = stage.open(plan(a_step))
    assert settled(run.permits[a_step.step_id].assessment) is not waits


@pytest.mark.covers("S2-097")
def test_every_way_in_which_a_call_is_stopped_leaves_a_record(staged: Staged) -> None:
    stage = staged(
        POLICY.replace(
            "  rules:\n",
            "  rules:\n    - {name: few, effect: deny, priority: 5,"
            " actions: ['data:write'], conditions: {parameters.rows: {gt: 5}}}\n",
        )
    )
    run = stage.open(plan(SAVE, PURGE))
    stage.port.answer = denied_by("bob", "no")
    for step_id, rows, error in [
        ("etl/save#1", 6, Denied),  # a rule denies
        ("etl/save#1", "six", Denied),  # a rule cannot be evaluated
        ("etl/save#1", object(), CanonicalError),  # a rule reads what cannot be read
        ("etl/purge#1", 1, ApprovalDenied),  # a rule asks people, who say no
    ]:
        with pytest.raises(error):
            stage.call(run, step_id, given={"rows": rows})
    said = [(record["step_id"], record["payload"]["code"]) for record in stage.log("step.refused")]
    codes = ("denied", "denied", "not-canonical")
    assert said == [*(("etl/save#1", code) for code in codes), ("etl/purge#1", "approval-denied")]
    assert [record["step_id"] for record in stage.log("ir.approval_created")] == ["etl/purge#1"]


# --- observe mode -----------------------------------------------------------------------------------------------------


def test_observe_mode_asks_nobody_and_records_what_it_would_have_asked(staged: Staged) -> None:
    stage = staged(mode="observe")
    run = stage.open(plan(PURGE))
    grant = stage.call(run, "etl/purge#1", given={"rows": 3})
    drive(after(run, grant, None), stage.port)
    assert not stage.port.asked
    assert stage.requests() == []
    (refused,) = stage.log("step.refused")
    assert refused["payload"]["stopped"] is False
    (intent,) = stage.log("step.intent")
    assert "two-say-yes" in intent["payload"]["would_stop"]["reason"]


@pytest.mark.parametrize(
    "call", [{"step_ids": ("etl/other#1",)}, {"step_ids": ("etl/load#1",), "unbound": "it was edited"}]
)
def test_observe_mode_lets_a_call_go_on_and_says_why_it_should_not(staged: Staged, call: dict[str, Any]) -> None:
    stage = staged(mode="observe")
    run = stage.open(plan(LOAD))
    step_ids = call.pop("step_ids")
    grant = stage.call(run, *step_ids, **call)
    assert isinstance(grant.would_stop, Refused)
    stage.finish(run, grant)
    assert stage.events()[-3:] == ["step.refused", "step.intent", "step.outcome"]
