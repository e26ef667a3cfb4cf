"""What reads the time is decided anew at each call, and nothing that was decided before it is served after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from govflow.errors import ApprovalRevoked, Denied
from govflow.governor.adopt import adopt_run
from govflow.governor.call import Call
from govflow.governor.fleeting import looked_at
from govflow.governor.warm import warm
from govflow.ir.models import Multiplicity
from govflow.policy import Engine, Memo, PolicyRequest, load_policy
from govflow.policy.model import Decision
from govflow.services.permits import permit_for
from tests.governor.conftest import Staged
from tests.governor.plans import plan, step
from tests.governor.stage import Answer, People, Stage, approved_by

SALES = {"provider": "duckdb", "resource": "dataset://acme/sales"}
LOAD = step("etl/load#1", action="data:read", multiplicity=Multiplicity.MANY, **SALES)
SAVE = step("etl/save#1", action="data:write", multiplicity=Multiplicity.MANY, **SALES)
DAY = timedelta(days=1)


def at(days: float) -> str:
    """So many days from now, as policies write times."""
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def policy(*rules: str, exceptions: str = "[]") -> str:
    """Rules before one that allows everything."""
    lines = "".join(f"    - {rule}\n" for rule in rules)
    return (
        "version: 1\npolicy:\n  name: acme\n  rules:\n"
        f"{lines}    - {{name: rest, effect: allow, priority: 300}}\n  exceptions: {exceptions}\n"
        'approvals:\n  one: {required: 1, approvers: ["*"]}\n  two: {required: 2, approvers: ["*"]}\n'
    )


def ends(days: float, effect: str = "deny") -> str:
    return f"{{name: freeze, effect: {effect}, actions: ['data:write'], expires: '{at(days)}'}}"


def begins_in(days: float, effect: str = "deny") -> str:
    when = f"{{run.time: {{after: '{at(days)}'}}}}"
    return f"{{name: freeze, effect: {effect}, actions: ['data:write'], conditions: {when}}}"


EXCEPTED = "{name: no-writes, effect: deny, level: soft-mandatory, actions: ['data:write']}"


def excepted_for(days: float) -> str:
    return policy(
        EXCEPTED, exceptions=f"[{{name: move, rule: no-writes, owner: carol, ticket: C-1, expires: '{at(days)}'}}]"
    )


def call(stage: Stage, run: Any, step_id: str = "etl/save#1", **fields: Any) -> Any:
    return stage.call(run, step_id, task_run=f"task-run-{len(stage.log())}", **fields)


def decided_by(stage: Stage, run: Any, **fields: Any) -> Any:
    """The rule that decides a call."""
    try:
        return call(stage, run, **fields).assessment.decision.rule
    except Denied as denied:
        return denied.details["rule"]


def test_an_exception_is_honoured_until_it_expires(staged: Staged) -> None:
    stage = staged(excepted_for(1))
    run = stage.open(plan(SAVE))
    assert call(stage, run).assessment.decision.exceptions == ("move",)
    stage.port.later = 2 * DAY
    with pytest.raises(Denied, match="Exception 'move' is refused: it has expired"):
        call(stage, run)


def test_a_rule_that_ends_while_the_run_goes_on_lets_go(staged: Staged) -> None:
    stage = staged(policy(ends(1)))
    run = stage.open(plan(LOAD, SAVE))
    with pytest.raises(Denied, match="freeze"):
        call(stage, run)
    stage.port.later = 2 * DAY
    assert call(stage, run).assessment.decision.rule == "rest"


def test_a_rule_that_allows_ends_for_calls_that_were_decided_before(staged: Staged) -> None:
    allowing = policy(ends(1, "allow")).replace("rest, effect: allow", "rest, effect: deny")
    allowing = allowing.replace(
        "  rules:\n", "  rules:\n    - {name: flow, effect: allow, actions: ['flow:execute']}\n"
    )
    stage = staged(allowing)
    run = stage.open(plan(SAVE))
    for fan_out in (None, 3):
        call(stage, run, fan_out=fan_out)
        call(stage, run, fan_out=fan_out)
        assert warm(run, Call(frozenset({"etl/save#1"}), "save", "task-run-x", fan_out=fan_out)) is None
    stage.port.later = 2 * DAY
    for fan_out in (None, 3):
        with pytest.raises(Denied, match="rest"):
            call(stage, run, fan_out=fan_out)


@pytest.mark.parametrize(("operator", "now", "later"), [("before", "freeze", "rest"), ("after", "rest", "freeze")])
def test_before_and_after_are_asked_of_the_time_of_the_call(
    staged: Staged, operator: str, now: str, later: str
) -> None:
    condition = f"conditions: {{run.time: {{{operator}: '{at(1)}'}}}}"
    stage = staged(policy(f"{{name: freeze, effect: deny, actions: ['data:write'], {condition}}}"))
    run = stage.open(plan(SAVE))
    assert decided_by(stage, run) == now
    stage.port.later = 2 * DAY
    assert decided_by(stage, run) == later


def test_a_map_whose_size_makes_a_rule_read_the_time_is_not_kept(staged: Staged) -> None:
    many = ends(1).replace("expires", "conditions: {step.records: {gt: 2}}, expires")
    stage = staged(policy(many))
    counted = SAVE.model_copy(update={"records": 1})
    run = stage.open(plan(counted))
    assert run.permits["etl/save#1"].static  # one record: the time makes no difference
    assert decided_by(stage, run, fan_out=3) == "freeze"
    stage.port.later = 2 * DAY
    assert decided_by(stage, run, fan_out=3) == "rest"


def test_steps_whose_decision_does_not_look_at_the_time_keep_the_short_way(staged: Staged) -> None:
    stage = staged(policy(ends(1)))
    run = stage.open(plan(LOAD, SAVE))
    assert (run.permits["etl/load#1"].static, run.permits["etl/save#1"].static) == (True, False)
    assert warm(run, Call(frozenset({"etl/load#1"}), "load", "task-run-1")) is not None


def test_the_body_of_a_flow_is_denied_by_the_time_at_which_it_starts(staged: Staged) -> None:
    stage = staged(policy(f"{{name: freeze, effect: deny, actions: ['flow:execute'], expires: '{at(1)}'}}"))
    with pytest.raises(Denied, match="freeze"):
        stage.open(plan(SAVE))
    stage.port.later = 2 * DAY
    stage.open(plan(SAVE))


def test_a_step_that_is_denied_only_for_now_does_not_keep_the_run_from_starting(staged: Staged) -> None:
    stage = staged(policy(ends(1)))
    stage.open(plan(step("etl/save#1", action="data:write", **SALES)))


def later_by(delay: timedelta, answer: Answer) -> Answer:
    """People answer, and it is late when they do."""

    def answered(port: People, request: Any) -> None:
        answer(port, request)
        port.later = delay

    return answered


ASKS = "{name: ask, effect: require_approval, approval: one, actions: ['data:write']}"


@pytest.mark.parametrize(
    ("effect", "said"),
    [("deny", "'freeze' denies it by now"), ("require_approval, approval: two", "asks other people")],
)
def test_an_approval_does_not_cover_what_the_policy_says_once_it_is_given(
    staged: Staged, effect: str, said: str
) -> None:
    begins = begins_in(0.02, effect)
    stage = staged(policy(begins, ASKS))
    stage.port.answer = later_by(timedelta(minutes=40), approved_by("bob"))
    run = stage.open(plan(SAVE))
    with pytest.raises(ApprovalRevoked, match=said):
        call(stage, run)
    assert "step.intent" not in stage.events()
    assert [request.state for request in stage.requests()] == ["voided"]


def test_an_approval_that_the_time_does_not_touch_is_used(staged: Staged) -> None:
    begins = begins_in(3)
    stage = staged(policy(begins, ASKS))
    stage.port.answer = later_by(timedelta(minutes=40), approved_by("bob"))
    run = stage.open(plan(SAVE))
    assert call(stage, run).request is not None


def test_of_candidates_of_a_site_the_one_decides_that_is_strictest_now(staged: Staged) -> None:
    begins = begins_in(1)
    stage = staged(policy(begins))
    run = stage.open(plan(LOAD, SAVE))
    both = ("etl/load#1", "etl/save#1")
    stage.call(run, *both, task_run="task-run-1")
    stage.port.later = 2 * DAY
    with pytest.raises(Denied, match="freeze"):
        stage.call(run, *both, task_run="task-run-2")


def test_a_process_that_helps_decides_by_its_own_time(staged: Staged) -> None:
    stage = staged(policy(ends(1)))
    run = stage.open(plan(LOAD, SAVE))
    permit = permit_for(run, ttl_seconds=900)
    later = datetime.now(UTC) + 2 * DAY
    helper = adopt_run(stage.facts(run.facts.plan, fresh=False), permit, run.row, later)
    stage.port.later = 2 * DAY
    assert call(stage, helper).assessment.decision.rule == "rest"
    stage.port.later = timedelta()
    with pytest.raises(Denied, match="freeze"):
        call(stage, helper)


def test_the_time_is_on_record_where_a_rule_reads_it_and_nowhere_else(staged: Staged) -> None:
    asks = "{name: freeze, effect: deny, expires: '%s', actions: ['data:read']}"
    purge = step("etl/purge#1", action="data:delete", **SALES)
    for name, text in (("with", policy(asks % at(1))), ("without", policy())):
        stage = staged(text, database=name)
        run = stage.open(plan(purge))
        before = datetime.now(UTC)
        stage.call(run, "etl/purge#1")
        (intent,) = stage.log("step.intent")
        said = intent["payload"]["request"]["attributes"]["run"].get("time")
        assert (said is not None) is (name == "with")
        if said is not None:
            assert datetime.fromisoformat(said) <= before + timedelta(minutes=1)


def test_the_time_is_no_part_of_the_hashes(staged: Staged) -> None:
    hashes, text = set(), policy(ends(9))
    for days in (0, 5):
        stage = staged(text, database=f"after-{days}", mode="observe")
        stage.port.later = days * DAY
        run = stage.open(plan(SAVE))
        hashes.add((run.plan_hash, run.ir_hash))
    assert len(hashes) == 1


# --- what a decision looked at ----------------------------------------------------------------------------------------

TIME = frozenset({"run.time"})


def asked(attributes: dict[str, Any]) -> PolicyRequest:
    return PolicyRequest(frozenset(), "data:write", "duckdb", "dataset://acme/sales", attributes)


def looks(text: str, attributes: dict[str, Any], watched: frozenset[str] = TIME) -> bool:
    engine = Engine(load_policy(text, "policy.yaml"))
    request = asked(attributes)
    return bool(looked_at(engine, request, engine.decide(request), watched))


@pytest.mark.parametrize("attributes", [{"run": {"time": at(0)}}, {"run": {}}])
def test_looking_at_the_time_is_noticed_also_where_it_is_missing(attributes: dict[str, Any]) -> None:
    assert looks(policy(ends(1)), attributes)
    assert not looks(policy(ends(1).replace("data:write", "data:read")), attributes)


def test_an_engine_that_goes_through_all_attributes_has_looked_at_the_time() -> None:
    engine = Engine(load_policy(policy(), "policy.yaml"))

    class Copying:
        digest, footprint = engine.digest, TIME

        def decide(self, request: PolicyRequest) -> Decision:
            {**request.attributes.get("run", {})}
            return engine.decide(request)

    request = asked({"run": {}})
    assert looked_at(Copying(), request, engine.decide(request), TIME)


def test_an_engine_that_cannot_work_with_the_question_is_taken_for_one_that_looked() -> None:
    engine = Engine(load_policy(policy(), "policy.yaml"))

    class Exact:
        digest, footprint = engine.digest, TIME

        def decide(self, request: PolicyRequest) -> Decision:
            if type(request.attributes) is not dict:
                return engine.decide(PolicyRequest(frozenset(), "", "", "dataset://public/../phi", {}))
            return engine.decide(request)

    request = asked({"run": {}})
    assert looked_at(Exact(), request, engine.decide(request), TIME)


def test_a_memo_keeps_nothing_from_another_time() -> None:
    memo = Memo(Engine(load_policy(policy(ends(1)), "policy.yaml")))
    assert memo.decide(asked({"run": {"time": at(0)}})).rule == "freeze"
    assert memo.decide(asked({"run": {"time": at(2)}})).rule == "rest"
