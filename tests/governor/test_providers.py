"""Attributes that others give: asked where a decision looks at them, and missing where anything goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from govflow.errors import Denied, PolicyError
from govflow.governor.call import Call
from govflow.governor.governed_run import GovernedRun
from govflow.governor.port import drive
from govflow.governor.providers import AttributeProvider, Facts, Providers
from govflow.governor.step import before
from govflow.governor.warm import warm
from govflow.ir.models import Multiplicity
from tests.governor.conftest import Staged
from tests.governor.plans import plan, step
from tests.governor.stage import Stage

SALES = {"provider": "duckdb", "resource": "dataset://acme/sales"}
LOAD = step("etl/load#1", action="data:read", multiplicity=Multiplicity.MANY, **SALES)
SAVE = step("etl/save#1", action="data:write", multiplicity=Multiplicity.MANY, **SALES)
PURGE = step("etl/purge#1", action="data:delete", multiplicity=Multiplicity.MANY, **SALES)
LEFT = "context.budget.left"
POLICY = f"""
version: 1
attributes: {{{LEFT}: number, subject.mfa: bool, context.until: time, context.tags: list, context.name: string}}
policy:
  name: acme
  rules:
    - {{name: over-budget, effect: deny, actions: ["data:write", "data:delete"], conditions: {{{LEFT}: {{lte: 0}}}}}}
    - {{name: rest, effect: allow}}
"""


class Budget:
    """A budget that is asked how much is left."""

    def __init__(
        self, *answers: Any, path: str = LEFT, kind: str = "number", name: str = "budget", **options: Any
    ) -> None:
        self.answers, self.asked = answers, list[Facts]()
        self.provider = AttributeProvider(name, {path: kind}, self.ask, **options)
        self.path = path

    def ask(self, facts: Facts, wanted: frozenset[str]) -> Any:
        assert wanted == {self.path}
        self.asked.append(facts)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if callable(answer):
            answer = answer()
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, list) else {self.path: answer}


def governed(staged: Staged, *budgets: Budget, policy: str = POLICY) -> Stage:
    stage = staged(policy)
    stage.workspace.ground = replace(stage.workspace.ground, providers=Providers([one.provider for one in budgets]))
    return stage


def call(stage: Stage, run: Any, step_id: str = "etl/save#1", **fields: Any) -> Any:
    return stage.call(run, step_id, task_run=f"task-run-{len(stage.log())}", **fields)


def test_what_a_provider_says_decides_each_call(staged: Staged) -> None:
    budget = Budget(5, 5, 0)
    stage = governed(staged, budget)
    run = stage.open(plan(SAVE))
    assert call(stage, run).assessment.decision.rule == "rest"
    with pytest.raises(Denied, match="over-budget"):
        call(stage, run)


def test_nobody_is_asked_for_what_a_decision_does_not_look_at(staged: Staged) -> None:
    budget = Budget(5)
    stage = governed(staged, budget)
    run = stage.open(plan(LOAD))
    call(stage, run, "etl/load#1")
    assert warm(run, Call(frozenset({"etl/load#1"}), "load", "task-run-x")) is not None
    assert budget.asked == []


def test_nobody_is_asked_for_what_no_rule_reads(staged: Staged) -> None:
    other = Budget("x", path="context.name", kind="string", name="other")
    stage = governed(staged, Budget(5), other)
    call(stage, stage.open(plan(SAVE)))
    assert other.asked == []


def test_a_provider_is_told_what_the_decision_is_about(staged: Staged) -> None:
    budget = Budget(5)
    stage = governed(staged, budget)
    run = stage.open(plan(SAVE))
    call(stage, run, fan_out=7)
    facts = budget.asked[-1]
    assert (facts.tenant, facts.environment, facts.mode, facts.flow) == ("acme", "development", "enforce", "etl")
    assert (facts.requester.name, facts.step.step_id, facts.action) == ("alice", "etl/save#1", "data:write")
    assert (facts.provider, facts.resource, facts.records) == ("duckdb", "dataset://acme/sales", 7)
    with pytest.raises(TypeError):
        facts.parameters["x"] = 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (ValueError("hunter2"), "failed with ValueError"),
        (SystemExit(), "failed with SystemExit"),
        ([], "answered with list, which is no mapping"),
        ("5", "gave str, which is no number"),
        (True, "gave bool, which is no number"),
        (float("nan"), "gave float, which is no number"),
        (2**60, "gave int that no record can hold"),
    ],
)
def test_what_goes_wrong_leaves_the_attribute_missing_and_the_reason_names_the_provider(
    staged: Staged, answer: Any, why: str
) -> None:
    stage = governed(staged, Budget(answer))
    run = stage.open(plan(SAVE))
    with pytest.raises(Denied) as denied:
        call(stage, run)
    assert f"Attribute 'context.budget.left' is missing: provider 'budget' {why}." in str(denied.value)
    assert "hunter2" not in str(denied.value)


def test_a_provider_is_told_all_parameters_of_the_call_that_json_can_say(staged: Staged) -> None:
    """Though no rule reads one: what a call will cost is in what it is given."""
    budget = Budget(5)
    stage = governed(staged, budget)
    run = stage.open(plan(SAVE))
    given = {"rows": [1, 2], "region": "eu", "password": SecretStr("hunter2"), "session": object()}
    call(stage, run, given=given)
    assert budget.asked[-1].parameters == {"rows": [1, 2], "region": "eu", "password": "**********"}


def test_nothing_reads_the_parameters_of_a_call_that_no_provider_looks_at(staged: Staged) -> None:
    stage = governed(staged, Budget(5))
    run = stage.open(plan(LOAD))

    def read() -> dict[str, Any]:
        raise AssertionError("somebody reads the parameters")

    run.called.add("etl/load#1")
    grant = drive(before(run, Call(frozenset({"etl/load#1"}), "load", "x", parameters=read), "request-x"), stage.port)
    assert grant.assessment is not None
    assert grant.assessment.decision.rule == "rest"


def test_what_a_provider_does_to_the_parameters_changes_nothing(staged: Staged) -> None:
    def spoil(facts: Facts, wanted: frozenset[str]) -> dict[str, object]:
        facts.parameters["rows"].clear()
        return {LEFT: 5}

    policy = POLICY.replace(f"{LEFT}: {{lte: 0}}", f"{LEFT}: {{gte: 0}}, parameters.rows: {{contains: secret}}")
    stage = governed(staged, Budget(5), policy=policy)
    stage.workspace.ground = replace(
        stage.workspace.ground, providers=Providers([AttributeProvider("budget", {LEFT: "number"}, spoil)])
    )
    run = stage.open(plan(SAVE))
    with pytest.raises(Denied, match="over-budget"):
        call(stage, run, given={"rows": ["secret"]})


class Trap(dict[str, Any]):
    """An answer that does something when it is read."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__()
        self.act = act

    def get(self, key: str, default: Any = None) -> Any:
        return self.act()


def test_an_answer_that_fails_or_hangs_when_it_is_read_is_none(staged: Staged) -> None:
    hold = threading.Event()
    try:
        for number, (act, why, seconds) in enumerate(
            [(lambda: 1 / 0, "failed with ZeroDivisionError", 240), (hold.wait, "did not answer in 0.2 s", 0.2)]
        ):
            provider = AttributeProvider("b", {LEFT: "number"}, lambda *_, act=act: Trap(act), timeout_seconds=seconds)
            stage = governed(staged)
            stage.workspace.ground = replace(stage.workspace.ground, providers=Providers([provider]))
            with pytest.raises(Denied) as denied:
                call(stage, stage.open(plan(PURGE, SAVE), run_id=f"run-{number}"))
            assert why in str(denied.value) or "still owes" in str(denied.value)
    finally:
        hold.set()


def test_a_failing_provider_does_not_turn_an_allow_on(staged: Staged) -> None:
    allowing = POLICY.replace("effect: deny", "effect: allow").replace(
        "{name: rest, effect: allow}", "{name: flows, effect: allow, actions: ['flow:*']}"
    )
    run_with = {}
    for name, answer in (("works", 0), ("fails", ValueError())):
        stage = governed(staged, Budget(answer), policy=allowing)
        run = stage.open(plan(SAVE), run_id=name)
        try:
            run_with[name] = call(stage, run).assessment.decision.rule
        except Denied as denied:
            run_with[name] = denied.details["rule"]
    assert run_with == {"works": "over-budget", "fails": "default"}


def test_a_provider_that_has_no_value_is_not_to_blame(staged: Staged) -> None:
    stage = governed(staged, Budget(None))
    with pytest.raises(Denied) as denied:
        call(stage, stage.open(plan(SAVE)))
    assert "provider" not in str(denied.value.details["reason"])


def test_a_provider_that_hangs_holds_up_one_decision_and_is_left_alone(staged: Staged) -> None:
    hold = threading.Event()
    budget = Budget(lambda: (hold.wait(), 5)[1], timeout_seconds=0.2)
    stage = governed(staged, budget)
    run = stage.open(plan(SAVE))  # asked here
    try:
        with pytest.raises(Denied, match="still owes an earlier answer"):
            call(stage, run)
        assert len(budget.asked) == 1
    finally:
        hold.set()
    # Where this machine is slower than the provider may be, it is asked again.
    assert next(filter(None, (ruled(stage, run) for _ in range(50))), None) == "rest"


def ruled(stage: Stage, run: GovernedRun) -> str | None:
    """The rule that lets a call run, once no thread asks the provider any more; None if it is denied."""
    for thread in threading.enumerate():
        if thread.name == "govflow-ask-budget":
            thread.join()
    try:
        return str(call(stage, run).assessment.decision.rule)
    except Denied:
        return None


def test_values_are_recorded_for_replay_and_secret_ones_are_not(staged: Staged) -> None:
    for name, secret in (("open", frozenset[str]()), ("closed", frozenset({LEFT}))):
        stage = governed(staged, Budget(41.5, secret=secret))
        run = stage.open(plan(PURGE), run_id=name)
        stage.call(run, "etl/purge#1", task_run=f"task-{name}")
        payload = stage.log("step.intent")[-1]["payload"]
        shown = payload["request"]["attributes"].get("context", {}).get("budget", {})
        assert (shown, payload.get("withheld")) == (({}, [LEFT]) if secret else ({"left": 41.5}, None))


def test_what_failed_is_on_record(staged: Staged) -> None:
    policy = POLICY.replace("effect: deny", "effect: deny, mode: shadow")
    stage = governed(staged, Budget(ValueError()), policy=policy)
    call(stage, stage.open(plan(PURGE)), "etl/purge#1")
    (intent,) = stage.log("step.intent")
    assert intent["payload"]["missing"] == [f"Attribute '{LEFT}' is missing: provider 'budget' failed with ValueError."]


@pytest.mark.parametrize(
    ("path", "kind", "given", "shown"),
    [
        ("subject.mfa", "bool", True, {"subject": {"mfa": True}}),
        ("context.name", "string", "x", {"context": {"name": "x"}}),
        ("context.tags", "list", ("a", "b"), {"context": {"tags": ["a", "b"]}}),
        ("context.until", "time", datetime(2027, 1, 1, tzinfo=UTC), {"context": {"until": "2027-01-01T00:00:00Z"}}),
        ("context.until", "time", "2027-01-01T02:00:00+02:00", {"context": {"until": "2027-01-01T00:00:00Z"}}),
    ],
)
def test_values_stand_beside_the_built_in_ones(
    staged: Staged, path: str, kind: str, given: Any, shown: dict[str, dict[str, Any]]
) -> None:
    operator = {"bool": "equals: true", "list": "contains: a", "time": "after: 2020-01-01", "string": "equals: x"}[kind]
    policy = POLICY.replace("effect: deny", "effect: allow").replace(f"{LEFT}: {{lte: 0}}", f"{path}: {{{operator}}}")
    stage = governed(staged, Budget(given, path=path, kind=kind), policy=policy)
    found = call(stage, stage.open(plan(SAVE))).assessment
    assert found.decision.rule == "over-budget"
    ((space, values),) = shown.items()
    assert found.attributes[space].items() >= values.items()
    if space == "subject":
        assert found.attributes[space]["name"] == "alice"


@pytest.mark.parametrize("given", ["2027-01-01 10:00", datetime(2027, 1, 1)])  # noqa: DTZ001 - that is the mistake
def test_a_time_without_an_offset_is_none(staged: Staged, given: Any) -> None:
    policy = POLICY.replace(f"{LEFT}: {{lte: 0}}", "context.until: {before: 2020-01-01}")
    stage = governed(staged, Budget(given, path="context.until", kind="time"), policy=policy)
    with pytest.raises(Denied, match="provider 'budget' gave a time without an offset"):
        call(stage, stage.open(plan(SAVE)))


def test_two_providers_are_each_asked_when_the_decision_comes_to_them(staged: Staged) -> None:
    policy = POLICY.replace("{lte: 0}", "{lte: 0}, subject.mfa: {equals: false}")
    for left, asked in ((5, 0), (0, 1)):
        budget, factor = Budget(left), Budget(False, path="subject.mfa", kind="bool", name="factor")
        stage = governed(staged, budget, factor, policy=policy)
        run = stage.open(plan(SAVE), run_id=f"run-{left}")
        del run
        assert (len(budget.asked), len(factor.asked)) == (1, asked)


def test_a_rule_that_reads_the_time_and_a_budget_sees_both(staged: Staged) -> None:
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    stage = governed(staged, Budget(0), policy=POLICY.replace("effect: deny", f"effect: deny, expires: '{until}'"))
    run = stage.open(plan(SAVE))
    with pytest.raises(Denied, match="over-budget"):
        call(stage, run)
    stage.port.later = timedelta(days=2)
    assert call(stage, run).assessment.decision.rule == "rest"


def nothing(facts: Facts, wanted: frozenset[str]) -> dict[str, object]:
    return {}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"provides": {}}, "it provides nothing"),
        ({"provides": {"run.tenant": "string"}}, "this path is built in"),
        ({"provides": {"run.time": "time"}}, "this path is built in"),
        ({"provides": {"parameters.region": "string"}}, "is what a call is given"),
        ({"provides": {"action.x": "string"}}, "overlaps 'action'"),
        ({"provides": {"context.a": "string", "context.a.b": "string"}}, "overlaps"),
        ({"provides": {"context.a": "text"}}, "has no type 'text'"),
        ({"provides": {"context.a": "any"}}, "one type"),
        ({"name": ""}, "no name"),
        ({"timeout_seconds": 0}, "not above 0"),
        ({"timeout_seconds": float("inf")}, "without an end"),
        ({"timeout_seconds": float("nan")}, "not above 0"),
        ({"secret": frozenset({"context.b"})}, "does not provide it"),
    ],
)
def test_an_unsound_provider_is_refused_when_it_is_made(fields: dict[str, Any], why: str) -> None:
    given = {"name": "x", "provides": {"context.a": "string"}, "ask": nothing}
    AttributeProvider(**given)  # type: ignore[arg-type]
    with pytest.raises(PolicyError, match=why):
        AttributeProvider(**(given | fields))  # type: ignore[arg-type]


def test_two_providers_of_one_path_or_name_are_refused() -> None:
    one = AttributeProvider("one", {"context.a": "string"}, nothing)
    with pytest.raises(PolicyError, match="another one gives it too"):
        Providers([one, AttributeProvider("two", {"context.a": "string"}, nothing)])
    with pytest.raises(PolicyError, match=r"context.a.b.*overlaps 'context.a'"):
        Providers([one, AttributeProvider("two", {"context.a.b": "string"}, nothing)])
    with pytest.raises(PolicyError, match="two of that name"):
        Providers([one, AttributeProvider("one", {"context.b": "string"}, nothing)])
