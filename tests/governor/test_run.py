"""Opening and closing runs: what stops one, what is on record, and what observe mode makes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from govflow.audit.verify import Outcome
from govflow.errors import (
    CanonicalError,
    Denied,
    GovflowError,
    PlanDrift,
    PlanNotApproved,
    RequestError,
    StepMissing,
    StoreError,
    Unbound,
    VocabularyError,
)
from govflow.governor.port import ApprovedPlan
from govflow.identity import Principal
from govflow.ir.hashing import plan_hash
from govflow.ir.models import Edge, EdgeKind, Multiplicity, Plan, StepKind
from govflow.services.manage_people import add_principal, deactivate_principal
from tests.governor.conftest import Staged
from tests.governor.plans import plan, step
from tests.governor.stage import POLICY, Stage, approved_by

LOAD = step("etl/load#1", action="data:read", provider="duckdb", resource="dataset://acme/sales")
SAVE = step("etl/save#1", action="data:write", provider="duckdb", resource="dataset://acme/sales")
PURGE = step("etl/purge#1", action="data:delete", provider="duckdb", resource="dataset://acme/sales")
PAY = step("etl/pay#1", action="payment:create", provider="stripe", resource="payment://acme")


class Frame:
    """A table that has no canonical form, like a DataFrame."""


# --- the verdict ------------------------------------------------------------------------------------------------------


@pytest.mark.covers("D-04")
@pytest.mark.parametrize(
    ("steps", "event", "tier", "rules"),
    [
        ((LOAD, SAVE), "ir.validated_pass", 1, {"etl/load#1": (0, "pass", "safe"), "etl/save#1": (1, "pass", "safe")}),
        (
            (LOAD, PURGE),
            "ir.validated_escalate",
            3,
            {"etl/load#1": (0, "pass", "safe"), "etl/purge#1": (3, "escalate", "two-say-yes")},
        ),
        ((PAY,), "ir.validated_reject", 3, {"etl/pay#1": (3, "reject", "no-payments")}),
    ],
    ids=["pass", "escalate", "reject"],
)
def test_the_verdict_is_on_record_with_its_hashes_and_rules(
    staged: Staged, steps: tuple[Any, ...], event: str, tier: int, rules: dict[str, tuple[int, str, str]]
) -> None:
    stage = staged(mode="observe")
    a_plan = plan(*steps)
    run = stage.open(a_plan)
    (record,) = stage.log(event)
    said = record["payload"]
    assert said["ir_hash"] == run.ir_hash
    assert said["plan_hash"] == run.plan_hash == plan_hash(a_plan)
    assert said["policy_digest"] == stage.workspace.engine.digest
    assert said["tier"] == tier
    expected = {"etl": (0, "pass", "safe"), **rules}
    decided = {s: {name: one[name] for name in ("tier", "verdict", "rule")} for s, one in said["steps"].items()}
    assert decided == {s: {"tier": t, "verdict": v, "rule": r} for s, (t, v, r) in expected.items()}
    assert (record["run_id"], record["flow"], record["correlation"]) == ("run-1", "etl", "key-1")


@pytest.mark.covers("S5-07")
def test_a_plan_that_passes_opens_without_a_pause(stage: Stage) -> None:
    run = stage.open(plan(LOAD, SAVE))
    for step_id in ("etl/load#1", "etl/save#1"):
        stage.finish(run, stage.call(run, step_id))
    stage.close(run)
    assert run.stopped is None
    assert not stage.port.asked
    assert stage.requests() == []


@pytest.mark.covers("S2-005")
def test_a_step_that_no_rule_allows_is_denied_before_the_first_line(staged: Staged) -> None:
    stage = staged("version: 1\npolicy: {name: acme, rules: [{name: bodies, effect: allow, actions: ['flow:*']}]}\n")
    with pytest.raises(Denied, match="'default' denies"):
        stage.open(plan(LOAD))


def test_a_refusal_names_rule_tier_reason_and_what_would_pass(stage: Stage) -> None:
    with pytest.raises(Denied, match="'no-payments' denies this in development: nobody pays from here") as caught:
        stage.open(plan(PAY))
    assert "payment:create on payment://acme" in caught.value.mend
    said = caught.value.details
    assert (said["rule"], said["tier"], said["step_id"]) == ("no-payments", 3, "etl/pay#1")
    assert said["policy_digest"] == stage.workspace.engine.digest
    (record,) = stage.log("run.refused")
    assert record["payload"] == {
        "code": "denied",
        "mend": caught.value.mend,
        "mode": "enforce",
        "reason": caught.value.message,
        "stopped": True,
    }


@pytest.mark.covers("S5-09")
def test_a_refusal_lists_every_step_that_is_certain_to_be_denied(stage: Stage) -> None:
    perhaps = PAY.model_copy(update={"step_id": "etl/perhaps#1", "multiplicity": Multiplicity.OPTIONAL})
    second = PAY.model_copy(update={"step_id": "etl/pay#2", "resource": "payment://globex"})
    with pytest.raises(Denied, match=r"Denied as well: etl/pay#2 \(rule 'no-payments'\)") as caught:
        stage.open(plan(LOAD, PAY, perhaps, second))
    violations: Any = caught.value.details["violations"]
    assert [(found["step_id"], found["resource"], found["rule"]) for found in violations] == [
        ("etl/pay#1", "payment://acme", "no-payments"),
        ("etl/pay#2", "payment://globex", "no-payments"),
    ]


@pytest.mark.parametrize("multiplicity", [Multiplicity.OPTIONAL, Multiplicity.MANY])
def test_a_denied_step_that_may_never_run_stops_when_it_is_reached(stage: Stage, multiplicity: Multiplicity) -> None:
    run = stage.open(plan(LOAD, PAY.model_copy(update={"multiplicity": multiplicity})))
    stage.call(run, "etl/load#1")
    with pytest.raises(Denied, match="no-payments"):
        stage.call(run, "etl/pay#1", task_run="task-run-2")


# --- observe and enforce ----------------------------------------------------------------------------------------------

FAULTS: list[tuple[dict[str, Any], type[GovflowError]]] = [
    ({"plan": plan(PAY)}, Denied),
    ({"plan": None}, Unbound),
    ({"plan": plan(LOAD), "unbound": "it was edited"}, Unbound),
    ({"plan": plan(step("etl/x#1", action="crm:merge"))}, VocabularyError),
    ({"plan": plan(step("etl/x#1", provider="acme-crm"))}, VocabularyError),
]


@pytest.mark.parametrize(("changes", "error"), FAULTS)
def test_enforce_mode_stops_the_run_and_says_so(
    stage: Stage, changes: dict[str, Any], error: type[GovflowError]
) -> None:
    with pytest.raises(error):
        stage.open(changes.get("plan"), **{name: value for name, value in changes.items() if name != "plan"})
    (record,) = stage.log("run.refused")
    assert record["payload"]["stopped"] is True


@pytest.mark.parametrize(("changes", "error"), FAULTS)
def test_observe_mode_records_what_would_have_stopped_and_goes_on(
    staged: Staged, changes: dict[str, Any], error: type[GovflowError]
) -> None:
    stage = staged(mode="observe")
    others = {name: value for name, value in changes.items() if name != "plan"}
    run = stage.open(changes["plan"], **others)
    assert run.stopped is not None
    grant = stage.call(run, "etl/x#1")
    assert grant.would_stop is not None
    stage.finish(run, grant)
    stage.close(run)
    events = stage.events()
    assert events[-3:] == ["step.intent", "step.outcome", "run.closed"]
    stops = stage.log("run.refused", "ir.validated_reject", "step.refused")
    assert stops
    assert not any(record["payload"].get("stopped") for record in stops)


@pytest.mark.covers("S5-33", "S5-34")
@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"action": "data:obliterate"}, "the action 'data:obliterate'"),
        ({"provider": "duckbd"}, "the provider 'duckbd'"),
    ],
)
def test_an_unknown_word_is_refused_with_a_way_out(stage: Stage, changes: dict[str, str], where: str) -> None:
    with pytest.raises(VocabularyError, match=f"step etl/x#1: {where} is not registered") as caught:
        stage.open(plan(step("etl/x#1", **changes)))
    assert "policy file" in caught.value.mend


@pytest.mark.covers("S5-35")
def test_a_run_without_an_idempotency_key_is_refused(staged: Staged) -> None:
    with pytest.raises(RequestError, match="needs an idempotency key"):
        staged().open(plan(LOAD), idempotency_key="")
    observed = staged(mode="observe").open(plan(LOAD), idempotency_key="")
    assert observed.stopped is not None


def test_nobody_may_ask_without_a_name(stage: Stage) -> None:
    with pytest.raises(Denied, match="Nobody knows who asked") as caught:
        stage.open(plan(LOAD), requester=stage.workspace.principal("unknown"))
    assert "GOVFLOW_PRINCIPAL" in caught.value.mend


def test_a_run_of_another_tenant_is_not_continued(staged: Staged) -> None:
    staged(tenant="globex").open(plan(LOAD))
    stage = staged()
    with pytest.raises(Denied, match="run-1 belongs to another tenant than 'acme'"):
        stage.open(plan(LOAD))
    assert [record["tenant"] for record in stage.log()] == ["acme"]


# --- the approved plan ------------------------------------------------------------------------------------------------


def test_production_wants_an_approved_plan(staged: Staged) -> None:
    stage = staged(environment="production")
    with pytest.raises(PlanNotApproved, match="production"):
        stage.open(plan(LOAD))
    assert "plan.trusted" not in stage.events()
    stage.approve(plan(LOAD))
    run = stage.open(plan(LOAD))
    (record,) = stage.log("ir.dag_diff_ok")
    assert record["payload"] == {"approved": run.plan_hash, "loaded": run.plan_hash, "approved_by": "bob"}


def test_a_plan_that_development_trusted_is_not_one_that_production_takes(staged: Staged) -> None:
    first = staged()
    first.open(plan(LOAD))
    (record,) = first.log("plan.trusted")
    assert "first plan seen in development" in record["payload"]["why"]
    with pytest.raises(PlanNotApproved):
        staged(environment="production").open(plan(LOAD), run_id="run-2")


def test_development_trusts_the_first_plan_and_stops_the_second(stage: Stage) -> None:
    stage.open(plan(LOAD))
    with pytest.raises(PlanDrift):
        stage.open(plan(LOAD, SAVE), run_id="run-2")


@pytest.mark.covers("S5-41", "D-05")
@pytest.mark.parametrize(
    ("loaded", "line"),
    [
        (plan(LOAD, SAVE), "etl/save#1"),
        (plan(), "etl/load#1"),
        (plan(LOAD.model_copy(update={"resource": "dataset://acme/prices"})), "dataset://acme/prices"),
        (plan(LOAD, edges=(Edge(source="etl", target="etl/load#1", kind=EdgeKind.ORDER),)), "etl/load#1"),
    ],
    ids=["added", "removed", "changed", "rewired"],
)
def test_another_plan_than_the_approved_one_is_stopped_with_the_difference(
    staged: Staged, loaded: Plan, line: str
) -> None:
    stage = staged(environment="production")
    stage.approve(plan(LOAD))
    with pytest.raises(PlanDrift, match="is not the plan that bob approved") as caught:
        stage.open(loaded)
    assert line in caught.value.message
    (record,) = stage.log("ir.dag_diff_failed")
    assert record["severity"] == "critical"
    assert record["payload"]["diff"] == caught.value.details["diff"]
    assert record["payload"]["approved"] == plan_hash(plan(LOAD))
    assert record["payload"]["loaded"] == plan_hash(loaded)


def _locked(stage: Stage, a_plan: Plan) -> ApprovedPlan:
    return ApprovedPlan(a_plan, plan_hash(a_plan), "the lock file", stage.port.now())


def test_flow_and_lock_edited_together_are_stopped(staged: Staged) -> None:
    stage = staged(environment="production")
    stage.approve(plan(LOAD))
    edited = plan(LOAD, PURGE)
    with pytest.raises(PlanDrift):
        stage.open(edited, locked=_locked(stage, edited))


def test_a_lock_file_alone_is_no_approval(staged: Staged) -> None:
    stage = staged(environment="production")
    with pytest.raises(PlanNotApproved):
        stage.open(plan(LOAD), locked=_locked(stage, plan(LOAD)))


def test_a_lock_file_is_what_observe_mode_compares_with(staged: Staged) -> None:
    stage = staged(mode="observe")
    run = stage.open(plan(LOAD, SAVE), locked=_locked(stage, plan(LOAD)))
    assert isinstance(run.stopped, PlanDrift)
    assert stage.events() == ["ir.dag_diff_failed", "run.refused"]


# --- parameters -------------------------------------------------------------------------------------------------------


@pytest.fixture
def opaque(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Values without a canonical form."""
    with (tmp_path / "open.txt").open("w") as file:
        yield {"frame": Frame(), "ratio": math.nan, "file": file, "snowflake": 2**60, "half": "\ud83d"}


@pytest.mark.parametrize("name", ["frame", "ratio", "file", "snowflake", "half"])
def test_what_nothing_reads_passes_untouched(stage: Stage, opaque: dict[str, Any], name: str) -> None:
    value = opaque[name]
    run = stage.open(plan(LOAD), parameters={name: value})
    grant = stage.call(run, "etl/load#1", given={name: value})
    assert grant.bound == {}
    stage.finish(run, grant)
    stage.close(run)


@pytest.mark.parametrize("name", ["frame", "ratio", "file", "half"])
def test_what_an_approval_binds_to_needs_a_form(stage: Stage, opaque: dict[str, Any], name: str) -> None:
    with pytest.raises(CanonicalError, match=f"flow etl, parameter {name}"):
        stage.open(plan(PURGE), parameters={"rows": 3, name: opaque[name]})
    run = stage.open(plan(PURGE), parameters={"rows": 3}, run_id="run-2")
    with pytest.raises(CanonicalError, match=rf"task callee, parameter options\.{name}\[1\]"):
        stage.call(run, "etl/purge#1", given={"options": {name: [1, opaque[name]]}})
    assert not stage.port.asked
    assert "step.intent" not in stage.events()


def test_flow_parameters_are_what_is_approved(stage: Stage) -> None:
    hashes = [
        stage.open(plan(LOAD), run_id=f"run-{number}", parameters=given).ir_hash
        for number, given in enumerate([{"day": 1, "x": 2}, {"x": 2, "day": 1}, {"day": 2, "x": 2}])
    ]
    assert hashes[0] == hashes[1] != hashes[2]


# --- the same run again -----------------------------------------------------------------------------------------------


@pytest.mark.covers("S5-37")
def test_the_same_key_twice_is_the_same_run_and_the_same_approval(staged: Staged) -> None:
    """An engine gives a second submit of an idempotency key the run that is there."""
    first, second = staged(executor="one"), staged(executor="two")
    run = first.open(plan(PURGE))
    again = second.open(plan(PURGE), attempt=2)
    assert run.row is not None
    assert again.row is not None
    assert not run.row.opened_before
    assert again.row.opened_before
    assert (again.row.salt, again.row.ir_hash) == (run.row.salt, run.row.ir_hash)
    waiting: list[str] = []

    def submitted_again(port: Any, request: Any) -> None:
        waiting.append(request.request_id)
        if port is first.port:
            second.port.answer = submitted_again
            second.call(again, "etl/purge#1", given={"rows": 3})
        else:
            approved_by("bob", "carol")(port, request)

    first.port.answer = submitted_again
    with pytest.raises(GovflowError, match="another execution"):
        first.call(run, "etl/purge#1", given={"rows": 3})
    assert len(waiting) == 2
    assert len(set(waiting)) == 1
    assert len(first.requests()) == 1
    assert len(first.log("ir.approval_created")) == len(first.log("ir.approval_consumed")) == 1


# --- the end ----------------------------------------------------------------------------------------------------------


def test_a_mandatory_step_that_was_left_out_fails_the_run(stage: Stage) -> None:
    run = stage.open(plan(LOAD, SAVE))
    stage.call(run, "etl/load#1")
    with pytest.raises(StepMissing, match="etl/save#1") as caught:
        stage.close(run)
    assert caught.value.details == {"missing": ["etl/save#1"]}
    (record,) = stage.log("run.closed")
    assert record["payload"]["missing"] == ["etl/save#1"]
    assert record["severity"] == "critical"


def test_observe_mode_records_a_step_that_was_left_out(staged: Staged) -> None:
    stage = staged(mode="observe")
    run = stage.open(plan(LOAD, SAVE))
    stage.close(run)
    (record,) = stage.log("run.closed")
    assert record["payload"]["missing"] == ["etl/load#1", "etl/save#1"]


def test_a_run_that_failed_misses_nothing(stage: Stage) -> None:
    run = stage.open(plan(LOAD))
    stage.close(run, failed="ValueError")
    (record,) = stage.log("run.closed")
    assert (record["payload"]["missing"], record["payload"]["failed"]) == ([], "ValueError")


@pytest.mark.parametrize(
    "step_fields",
    [{"multiplicity": Multiplicity.OPTIONAL}, {"multiplicity": Multiplicity.MANY}, {"kind": StepKind.HOOK}],
)
def test_what_may_be_left_out_is_not_missed(stage: Stage, step_fields: dict[str, Any]) -> None:
    run = stage.open(plan(step("etl/perhaps#1", **step_fields)))
    stage.close(run)
    assert stage.events()[-1] == "run.closed"


# --- a store that is down ---------------------------------------------------------------------------------------------


def _a_folder_in_its_place(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "folder.db").mkdir()
    return {"database_url": f"sqlite:///{tmp_path}/folder.db"}


def _no_database(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "text.db").write_text("this is no database, whatever its name says" * 99)
    return {"database_url": f"sqlite:///{tmp_path}/text.db"}


DOWN = pytest.mark.parametrize("down", [_a_folder_in_its_place, _no_database])


@pytest.mark.covers("S1-46", "S2-072")
@DOWN
def test_enforce_mode_refuses_a_run_while_the_store_is_down(
    staged: Staged, tmp_path: Path, down: Callable[[Path], dict[str, str]]
) -> None:
    stage = staged(**down(tmp_path))
    with pytest.raises(StoreError):
        stage.open(plan(LOAD))


@DOWN
def test_observe_mode_goes_on_while_the_store_is_down(
    staged: Staged, tmp_path: Path, down: Callable[[Path], dict[str, str]]
) -> None:
    stage = staged(mode="observe", **down(tmp_path))
    run = stage.open(plan(LOAD, PURGE))
    assert run.stopped is None
    for step_id in ("etl/load#1", "etl/purge#1"):
        stage.finish(run, stage.call(run, step_id, new_id="request-1"))
    stage.close(run)


@pytest.mark.covers("S1-46", "S2-072")
def test_a_store_that_goes_down_stops_the_next_step(stage: Stage) -> None:
    run = stage.open(plan(LOAD, PURGE))
    stage.call(run, "etl/load#1", new_id="request-1")
    stage.port.store.close()
    for step_id in ("etl/load#1", "etl/purge#1"):
        with pytest.raises(StoreError):
            stage.call(run, step_id, new_id="request-1")


# --- errors in the policy ---------------------------------------------------------------------------------------------

RATIO = POLICY.replace(
    "  rules:\n", "  rules:\n    - {name: many, effect: allow, priority: 5, conditions: {parameters.rows: {lt: 5}}}\n"
)


@pytest.mark.parametrize("rows", ["many", [1], {"a": 1}, True])
def test_a_rule_that_cannot_be_evaluated_denies(staged: Staged, rows: object) -> None:
    stage = staged(RATIO)
    run = stage.open(plan(SAVE))
    stage.call(run, "etl/save#1", given={"rows": 3})
    with pytest.raises(Denied, match="'error' denies"):
        stage.call(run, "etl/save#1", given={"rows": rows})
    assert len(stage.log("step.intent")) == 1


def test_the_log_of_a_stopped_run_verifies(stage: Stage) -> None:
    with pytest.raises(Denied):
        stage.open(plan(PAY))
    assert stage.port.store.verify("acme").outcome is Outcome.VERIFIED


def test_a_run_under_layers_is_stopped_by_the_outer_one_and_names_all_of_them(staged: Staged, tmp_path: Path) -> None:
    for name, effect in (("company", "deny"), ("flights", "allow")):
        rule = f"{{name: r, effect: {effect}, actions: ['data:drop']}}"
        text = f"version: 1\npolicy:\n  name: {name}\n  default: allow\n  rules:\n    - {rule}\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    layers = {"org": tmp_path / "company.yaml", "flow": tmp_path / "flights.yaml"}
    stage = staged(None, policy_layers=layers)
    drop = step("etl/drop#1", action="data:drop", provider="duckdb", resource="dataset://acme/sales")
    with pytest.raises(Denied, match="Rule 'org/r' denies"):
        stage.open(plan(drop))
    (said,) = stage.log("ir.validated_reject")
    assert said["payload"]["policy_digest"] == stage.workspace.engine.digest
    (loaded,) = stage.log("policy.loaded")
    assert list(loaded["payload"]["layers"]) == ["flow", "org"]


@pytest.mark.parametrize("spelling", ["alice", "Alice", "ALICE"])
def test_nobody_starts_a_run_under_the_name_of_one_who_was_deactivated(staged: Staged, spelling: str) -> None:
    stage = staged()
    add_principal(stage.workspace, "alice", "root", stage.port.now())
    stage.open(plan(LOAD), run_id="before")
    deactivate_principal(stage.workspace, "alice", "root", stage.port.now())
    with pytest.raises(Denied, match=f"{spelling} asked for this run, and was deactivated"):
        stage.open(plan(LOAD), run_id="after", requester=Principal(name=spelling))
    stage.open(plan(LOAD), run_id="another", requester=Principal(name="bob"))
