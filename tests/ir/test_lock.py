"""The lock file: stable bytes, and a clear refusal of everything that is not one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from govflow.errors import LockError
from govflow.ir.hashing import plan_hash
from govflow.ir.lock import Lock, LockedFlow, dump_lock, load_lock, plan_key
from govflow.ir.models import CallSite, Effect, Plan, Tier
from tests.ir import plans

NAME = "flows/etl.py:etl"


def lock() -> Lock:
    return Lock().with_flow(NAME, plans.etl()).with_flow("flows/a.py:a", plans.plan(plans.step("a#1")))


@given(plans.plans())
def test_what_is_written_is_read_back(made: Plan) -> None:
    text = dump_lock(Lock().with_flow(NAME, made))
    read = load_lock(text, "govflow.lock")
    assert read.flows[NAME].plan_hash == plan_hash(made) == plan_hash(read.flows[NAME].plan)
    assert dump_lock(read) == text


def test_the_text_is_sorted_indented_and_ends_with_a_newline() -> None:
    text = dump_lock(lock())
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert list(json.loads(text)["flows"]) == ["flows/a.py:a", NAME]


def test_moving_a_call_down_a_line_does_not_change_the_text() -> None:
    """Line numbers and findings are noise: a diff of the lock shows changes of meaning only."""
    quiet = plans.etl().model_copy(
        update={"findings": (), "steps": tuple(s.model_copy(update={"sites": ()}) for s in plans.etl().steps)}
    )
    assert dump_lock(Lock().with_flow(NAME, quiet)) == dump_lock(Lock().with_flow(NAME, plans.etl()))


def test_moving_an_effect_down_a_line_does_not_change_the_text() -> None:
    def does(line: int) -> Plan:
        site = CallSite(file="a.py", function="a", line=line, column=0, end_line=line, end_column=9)
        effect = Effect(action="data:delete", provider="postgres", resource="dataset://t", detail=f"{line}", site=site)
        return plans.plan(plans.step("a#1", effects=(effect,), unseen=(f"lib.f{line}",)))

    one, other = (dump_lock(Lock().with_flow("a.py:a", does(line))) for line in (3, 4))
    assert one == other
    assert "dataset://t" in one and "site" not in one


def test_what_a_reviewer_reads_is_in_the_text() -> None:
    text = dump_lock(lock())
    for shown in ('"action": "data:delete"', '"tier": 3', '"resource": "warehouse://flights/{day}"', '"retries": 2'):
        assert shown in text


def test_the_read_plan_keeps_what_is_hashed() -> None:
    purge = load_lock(dump_lock(lock()), "govflow.lock").flows[NAME].plan.step("purge#1")
    assert (purge.tier, purge.records, purge.sites) == (Tier.HIGH, "{count}", ())


def edited(change: Callable[[Any], object]) -> str:
    raw = json.loads(dump_lock(lock()))
    change(raw)
    return json.dumps(raw)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "govflow.lock: not a lock file: Expecting value"),
        ("{", "govflow.lock: not a lock file"),
        ("[]", "govflow.lock: not a lock file: expected an object, found list"),
        ('{"version": NaN}', "govflow.lock: not a lock file: NaN is not JSON"),
        ("[" * 100_000, "govflow.lock: not a lock file"),
        ("{}", "govflow.lock: version: this govflow reads version 1, the file has no version"),
        ('{"version": 2, "flows": {}, "new": 1}', "version: this govflow reads version 1, the file has version 2"),
        ('{"version": true, "flows": {}}', "the file has version True"),
        ('{"version": 1}', "govflow.lock: flows: missing"),
        ('{"version": 1, "flows": []}', "govflow.lock: flows: expected an object"),
        ('{"version": 1, "flows": {}, "extra": 1}', "govflow.lock: extra: unknown field"),
        ('{"version": 1, "version": 1, "flows": {}}', "the key 'version' stands twice"),
        ('{"version": 1, "flows": {"etl": {}}}', 'flows["etl"]: a flow is named <path/of/flow.py>:<function>'),
        ('{"version": 1, "flows": {"e.py:e": 1}}', 'flows["e.py:e"]: expected an object'),
        ('{"version": 1, "flows": {"e.py:e": {"plan": {}}}}', 'flows["e.py:e"].plan_hash: missing'),
        (edited(lambda raw: raw["flows"][NAME].update(by="me")), f'flows["{NAME}"].by: unknown field'),
        (edited(lambda raw: raw["flows"][NAME]["plan"].update(x=1)), f'flows["{NAME}"].plan.x: Extra inputs'),
        (
            edited(lambda raw: raw["flows"][NAME]["plan"]["steps"][1].update(retries="2")),
            f'flows["{NAME}"].plan.steps[1].retries: Input should be a valid integer',
        ),
        (
            edited(lambda raw: raw["flows"][NAME]["plan"]["steps"].append(raw["flows"][NAME]["plan"]["steps"][0])),
            f'flows["{NAME}"].plan: plan etl: two steps share the id',
        ),
    ],
)
def test_a_file_that_is_no_lock_is_refused(text: str, message: str) -> None:
    with pytest.raises(LockError) as caught:
        load_lock(text, "govflow.lock")
    assert message in caught.value.message
    assert caught.value.mend


def test_edited_hash_is_refused() -> None:
    text = edited(lambda raw: raw["flows"][NAME].update(plan_hash=plans.code("something else")))
    with pytest.raises(LockError, match="is not the hash of the plan beside it") as caught:
        load_lock(text, "govflow.lock")
    assert f'govflow.lock: flows["{NAME}"].plan_hash' in caught.value.message
    assert caught.value.details["recomputed"] == plan_hash(plans.etl())


def test_edited_plan_is_refused() -> None:
    """A step taken out of the file while its hash stays."""
    text = edited(lambda raw: raw["flows"][NAME]["plan"]["steps"][3].update(tier=0))
    with pytest.raises(LockError, match="one of the two was edited"):
        load_lock(text, "govflow.lock")


def test_a_second_plan_that_hides_behind_the_first_is_refused() -> None:
    entry = json.dumps(json.loads(dump_lock(lock()))["flows"][NAME])
    text = f'{{"version": 1, "flows": {{"{NAME}": {entry}, "{NAME}": {entry}}}}}'
    with pytest.raises(LockError, match="stands twice"):
        load_lock(text, "govflow.lock")


def test_a_wrong_hash_is_never_written() -> None:
    with pytest.raises(LockError, match="not the hash"):
        dump_lock(Lock({NAME: LockedFlow(plans.code("x"), plans.etl())}))


def test_a_flow_needs_a_file_and_a_function() -> None:
    with pytest.raises(ValueError, match="is not <path/of/flow"):
        Lock().with_flow("etl", plans.etl())


def test_no_lock_no_flows() -> None:
    assert not Lock().flows
    assert load_lock(dump_lock(Lock()), "govflow.lock") == Lock()


def test_flows_of_one_name_have_two_keys() -> None:
    """Neither another file nor another function of one name in Prefect is taken for the approved flow."""
    ours = plans.plan(flow="nightly", file="etl.py", function="run")
    assert plan_key(ours) == "nightly@etl.py:run"
    for changes in ({"flow": "daily"}, {"file": "b.py"}, {"function": "other"}):
        assert plan_key(ours.model_copy(update=changes)) != plan_key(ours)


def test_a_name_cannot_be_written_so_that_it_is_another_flows_key() -> None:
    names = [("a@b", "c.py"), ("a", "b@c.py"), ("a@b%40c.py:f", "c.py"), ("a", "b%40c.py"), ("a@x.py:f", "y.py")]
    keys = {plan_key(plans.plan(flow=flow, file=file, function="f")) for flow, file in names}
    assert len(keys) == len(names)
