"""A diff says everything that changed in meaning, and says nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from govflow.ir.changes import ChangeKind, FieldChange
from govflow.ir.diff import diff
from govflow.ir.hashing import plan_hash
from govflow.ir.models import Edge, EdgeKind, Effect, FlowParameter, Plan, Step
from govflow.telemetry import redact_named
from tests.ir import plans


def changed(made: Plan, step_id: str, **changes: Any) -> Plan:
    """The plan with some fields of one step changed."""
    return made.model_copy(
        update={
            "steps": tuple(
                Step(**(dict(step) | changes)) if step.step_id == step_id else step  # validated, unlike model_copy
                for step in made.steps
            )
        }
    )


def names(steps: tuple[Step, ...]) -> list[str]:
    return [step.step_id for step in steps]


def test_the_same_plan_has_no_diff() -> None:
    found = diff(plans.etl(), plans.etl())
    assert not found
    assert found.lines() == ()


def test_noise_is_no_diff() -> None:
    assert not diff(plans.etl(), plans.etl().model_copy(update={"findings": (), "file": "x.py"}))


@given(plans.plans(), plans.plans())
def test_a_diff_is_empty_exactly_when_the_hashes_are_equal(left: Plan, right: Plan) -> None:
    found = diff(left, right)
    parts = (found.added, found.removed, found.changed, found.moved, found.rewired, found.plan)
    same = plan_hash(left) == plan_hash(right)
    assert bool(found) is not same
    assert any(parts) is not same
    assert bool(found.lines()) is not same
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


@given(plans.plans(), plans.plans())
def test_every_step_is_accounted_for_once(left: Plan, right: Plan) -> None:
    found = diff(left, right)
    if not found:
        return
    renamed = {move.old_id: move.new_id for move in found.moved}
    gone, new = set(names(found.removed)), set(names(found.added))
    kept = [renamed.get(step.step_id, step.step_id) for step in left.steps if step.step_id not in gone]
    assert sorted([*kept, *new]) == sorted(names(right.steps))


@given(plans.plans(), plans.plans())
def test_turned_round_added_is_removed(left: Plan, right: Plan) -> None:
    there, back = diff(left, right), diff(right, left)
    assert sorted(step.code for step in there.added) == sorted(step.code for step in back.removed)
    assert len(there.changed) == len(back.changed)


def test_an_added_step_is_named_with_what_it_does() -> None:
    made = plans.etl()
    purge = plans.step("purge_all#1", action="data:delete", provider="duckdb", resource="warehouse://flights")
    found = diff(made, made.model_copy(update={"steps": (*made.steps, purge)}))
    assert names(found.added) == ["purge_all#1"]
    assert not any((found.removed, found.changed, found.moved, found.rewired, found.plan))
    assert found.lines() == ("+ purge_all#1  data:delete duckdb warehouse://flights",)


def test_a_removed_step_is_named() -> None:
    made = plans.etl()
    found = diff(made, made.model_copy(update={"steps": made.steps[:-1]}))
    assert names(found.removed) == ["getattr#1"]
    assert found.lines() == ("- getattr#1  task:execute python task://etl/getattr",)


@pytest.mark.covers("S5-40")
def test_a_changed_step_is_named_field_by_field() -> None:
    made = plans.etl()
    other = changed(
        made, "clean#1", code=plans.code("new"), retries=3, constants={"limit": True, "note": "x"}, action="data:write"
    )
    (change,) = diff(made, other).changed
    assert change.step_id == "clean#1"
    assert set(change.fields) == {
        FieldChange("action", ChangeKind.CHANGED, "task:execute", "data:write"),
        FieldChange("retries", ChangeKind.CHANGED, 0, 3),
        FieldChange("constants.limit", ChangeKind.CHANGED, 5, True),
        FieldChange("constants.rate", ChangeKind.REMOVED, 0.25, None),
        FieldChange("constants.note", ChangeKind.ADDED, None, "x"),
        FieldChange("code", ChangeKind.CHANGED, plans.code("clean"), plans.code("new")),
    }
    assert set(diff(made, other).lines()) == {
        "~ clean#1: action task:execute -> data:write",
        "~ clean#1: retries 0 -> 3",
        "~ clean#1: constants.limit 5 -> true",
        "~ clean#1: constants.rate removed, was 0.25",
        "~ clean#1: constants.note added: x",
        "~ clean#1: code changed",
    }


def test_true_is_not_one() -> None:
    made = plans.plan(plans.step("a#1", constants={"x": [1]}))
    (change,) = diff(made, plans.plan(plans.step("a#1", constants={"x": [True]}))).changed
    assert change.fields == (FieldChange("constants.x", ChangeKind.CHANGED, [1], [True]),)


def test_the_first_of_three_calls_taken_away_is_one_removal_and_two_moves() -> None:
    """Ordinals shift; what a step does tells who is who."""
    made = plans.plan(*(plans.step(f"load#{n}", constants={"n": n}) for n in (1, 2, 3)))
    rest = plans.plan(plans.step("load#1", constants={"n": 2}), plans.step("load#2", constants={"n": 3}))
    found = diff(made, rest)
    assert [step.constants["n"] for step in found.removed] == [1]
    assert [(move.old_id, move.new_id) for move in found.moved] == [("load#2", "load#1"), ("load#3", "load#2")]
    assert not any((found.added, found.changed))
    assert found.lines()[1:] == ("> load#1: was load#2", "> load#2: was load#3")


def test_a_step_at_another_place_is_moved() -> None:
    made = plans.plan(*(plans.step(name) for name in "abcd"))
    body = plans.step("flow", code=plans.code("another order"))
    found = diff(made, plans.plan(*(plans.step(name) for name in "bcda"), body))
    (move,) = found.moved
    assert (move.new_id, move.old_position, move.new_position) == ("a", 0, 3)
    assert "> a: now step 4, was step 1" in found.lines()


def test_a_step_put_between_two_is_one_addition_and_one_rewiring() -> None:
    a, b, x = plans.step("a"), plans.step("b"), plans.step("x")
    found = diff(plans.plan(a, b, edges=(("a", "b"),)), plans.plan(a, x, b, edges=(("a", "x"), ("x", "b"))))
    assert names(found.added) == ["x"]
    (rewired,) = found.rewired
    assert rewired.step_id == "b"
    assert rewired.added == (Edge(source="x", target="b"),)
    assert rewired.removed == (Edge(source="a", target="b"),)
    assert found.lines()[1:] == ("~ b: now after x (data)", "~ b: no longer after a (data)")


def test_an_edge_of_another_kind_is_rewiring() -> None:
    a, b = plans.step("a"), plans.step("b")
    order = plans.plan(a, b).model_copy(update={"edges": (Edge(source="a", target="b", kind=EdgeKind.ORDER),)})
    (rewired,) = diff(plans.plan(a, b, edges=(("a", "b"),)), order).rewired
    assert [edge.kind for edge in (*rewired.added, *rewired.removed)] == [EdgeKind.ORDER, EdgeKind.DATA]


def test_an_id_taken_over_does_not_hide_a_rewiring() -> None:
    """``b`` followed the first load; that one is gone and the second now has its id."""
    first, second = plans.step("load#1", constants={"n": 1}), plans.step("load#2", constants={"n": 2})
    b = plans.step("b")
    made = plans.plan(first, second, b, edges=(("load#1", "b"),))
    other = plans.plan(plans.step("load#1", constants={"n": 2}), b, edges=(("load#1", "b"),))
    (rewired,) = diff(made, other).rewired
    assert rewired.step_id == "b"
    assert len(rewired.added) == len(rewired.removed) == 1


def test_a_renamed_source_alone_is_no_rewiring() -> None:
    b = plans.step("b")
    made = plans.plan(plans.step("load#2", callee="load"), b, edges=(("load#2", "b"),))
    other = plans.plan(plans.step("load#1", resource="task://etl/load"), b, edges=(("load#1", "b"),))
    assert diff(made, other).moved
    assert not diff(made, other).rewired


def test_changes_of_the_flow_itself_are_named() -> None:
    made = plans.etl()
    other = made.model_copy(
        update={
            "retries": 0,
            "parameters": (FlowParameter(name="day", annotation="date"), FlowParameter(name="force")),
        }
    )
    assert set(diff(made, other).lines()) == {
        "~ flow: retries 1 -> 0",
        "~ flow: parameters.day.annotation str -> date",
        '~ flow: parameters.n removed, was {"required": false, "annotation": null, "default": "3"}',
        '~ flow: parameters.force added: {"required": true, "annotation": null, "default": null}',
    }


def test_parameters_in_another_order_are_named() -> None:
    made = plans.etl()
    found = diff(made, made.model_copy(update={"parameters": made.parameters[::-1]}))
    assert found.lines() == ('~ flow: parameter_order ["day", "n"] -> ["n", "day"]',)


def test_control_characters_of_a_literal_do_not_reach_the_terminal() -> None:
    made = plans.plan(plans.step("a", constants={"x": "1"}))
    (line,) = diff(made, plans.plan(plans.step("a", constants={"x": "\x1b[2J\n+ b"}))).lines()
    assert line == "~ a: constants.x 1 ->  [2J + b"


def test_hashes_that_are_given_are_used() -> None:
    made, other = plans.etl(), plans.plan()
    assert not diff(made, other, approved_hash=plan_hash(made), loaded_hash=plan_hash(made))
    found = diff(made, other, approved_hash=plan_hash(made), loaded_hash=plan_hash(other))
    assert found == diff(made, other)


def test_plans_of_one_hash_are_not_read_again() -> None:
    made = plans.wide(100)
    other = changed(made, "work#50", code=plans.code("new"))
    one, two = plan_hash(made), plan_hash(other)
    assert [change.step_id for change in diff(made, other, approved_hash=one, loaded_hash=two).changed] == ["work#50"]
    assert not diff(made, other, approved_hash=one, loaded_hash=one), "the hashes are the caller's word"


def test_a_masked_diff_holds_no_literal_secret() -> None:
    """A diff stands in audit records, error messages and comments on pull requests."""

    def keeps(word: str) -> Plan:
        given = {"password": word, "dsn": f"pg://app:{word}@db/x", "retry": {"token": word}, "max_tokens": len(word)}
        login = plans.step("load#1", constants=given)
        effect = Effect(action="http:post", provider="http", resource=f"https://app:{word}@host/z")
        login = login.model_copy(update={"effects": (effect,)})
        added = plans.step(
            f"{word[:5]}#1", effects=(effect,), resource=f"pg://app:{word}@db/y", constants={"api_key": word}
        )
        default = FlowParameter(name="secret", default=repr(word))
        return plans.plan(login, added, parameters=(default,))

    found = diff(keeps("gnomon-1"), keeps("sundial-two"))
    assert "gnomon-1" in json.dumps(found.to_dict()), "until it is masked"
    masked = found.masked(redact_named)
    shown = "\n".join(masked.lines()) + json.dumps(masked.to_dict()) + repr(masked)
    assert "gnomon-1" not in shown and "sundial-two" not in shown
    assert "constants.password *** -> ***" in shown
    assert "constants.max_tokens 8 -> 11" in shown
    assert "pg://app:***@db/y" in shown
    assert "https://app:***@host/z" in shown
    assert [change.step_id for change in masked.changed] == [change.step_id for change in found.changed]
    assert bool(masked) is bool(found) is True


def test_a_renamed_function_is_one_step_that_moved_and_changed_its_name() -> None:
    """What it is called is all that differs: the default resource is the name again."""
    load = plans.step("etl/load#1", callee="load", resource="task://etl/load", code=plans.code("body"))
    fetch = plans.step("etl/fetch#1", callee="lib.py:fetch", resource="task://lib/fetch", code=plans.code("body"))
    found = diff(plans.plan(load), plans.plan(fetch))
    assert not found.added and not found.removed
    assert [(move.old_id, move.new_id) for move in found.moved] == [("etl/load#1", "etl/fetch#1")]
    assert [(change.step_id, [field.field for field in change.fields]) for change in found.changed] == [
        ("etl/fetch#1", ["callee", "resource"])
    ]


def test_a_declared_resource_is_not_a_name() -> None:
    load = plans.step("etl/load#1", callee="load", resource="dataset://a", code=plans.code("body"))
    other = plans.step("etl/fetch#1", callee="fetch", resource="dataset://b", code=plans.code("body"))
    found = diff(plans.plan(load), plans.plan(other))
    assert names(found.added) == ["etl/fetch#1"]
    assert names(found.removed) == ["etl/load#1"]


def test_a_step_that_kept_its_id_is_never_taken_for_another_one() -> None:
    """Two tasks with one body: the one that stayed stays, whatever its options."""
    here = plans.step("a#1", callee="a", resource="task://x/a", code=plans.code("pass"))
    retried = plans.step("a#1", callee="a", resource="task://x/a", code=plans.code("pass"), retries=3)
    more = plans.step("b#1", callee="b", resource="task://x/b", code=plans.code("pass"))
    found = diff(plans.plan(here), plans.plan(retried, more))
    assert [change.step_id for change in found.changed] == ["a#1"]
    assert names(found.added) == ["b#1"]


def test_effects_that_came_and_went_are_named() -> None:
    def does(*effects: Effect) -> Plan:
        return plans.plan(plans.step("a#1", callee="a", effects=effects))

    post = Effect(action="http:post", provider="http", resource="https://h/x")
    some = Effect(action="data:delete", provider="postgres", resource="dataset://t")
    every = some.model_copy(update={"unbounded": True})
    lines = diff(does(post, some), does(every)).lines()
    assert "~ a#1: effect removed: http:post http https://h/x" in lines
    assert "~ a#1: effect data:delete postgres dataset://t: some rows -> every row" in lines
    (added,) = diff(plans.plan(), does(every, post)).lines()
    assert added.endswith("; also data:delete dataset://t (every row), http:post https://h/x")


def test_hashes_of_steps_that_are_given_are_used() -> None:
    """A plan whose values were masked after it was hashed looks the same and is another one."""
    made = plans.plan(plans.step("a#1", callee="a"))
    found = diff(
        made,
        made,
        approved_hash="sha256:" + "0" * 64,
        loaded_hash="sha256:" + "1" * 64,
        approved_steps={"a#1": "sha256:" + "2" * 64},
        loaded_steps={"a#1": "sha256:" + "3" * 64},
    )
    assert found.lines() == ("~ a#1: a value that is not shown changed",)
