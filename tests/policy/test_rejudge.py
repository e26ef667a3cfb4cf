"""A recorded decision is judged again only as far as what was recorded tells."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.errors import RequestError
from govflow.policy import Effect, Engine
from govflow.policy.model import PolicyRequest
from govflow.policy.recorded import Recorded, recorded_of
from govflow.policy.rejudge import Rejudge
from govflow.services.simulate_policy import Change, replay, simulate
from tests.policy import drawn
from tests.policy.build import ALLOW, DENY, document, engine, request, rule


def kept(asked: PolicyRequest) -> PolicyRequest:
    """What a record keeps: everything but parameters."""
    return dataclasses.replace(asked, attributes={k: v for k, v in asked.attributes.items() if k != "parameters"})


@given(st.randoms(use_true_random=False))
def test_what_is_judged_is_what_the_candidate_says_of_the_whole_request(random: Random) -> None:
    old, new = Engine(document(drawn.policy(random))), Engine(document(drawn.policy(random)))
    judging = Rejudge(new)
    for _ in range(8):
        asked = [drawn.request(random) for _ in range(random.choice([1, 1, 1, 2, 3]))]
        said = old.decide(asked[0])
        record = Recorded(said.effect, said.rule, tuple(map(kept, asked)), old.digest, said.rules)
        answer = judging.answer(record)
        strictest = min((new.decide(one).effect for one in asked), key=["deny", "require_approval", "allow"].index)
        assert answer.effect in (None, strictest)
        assert answer.effect is not None or strictest in answer.may_be
        whole = judging.answer(dataclasses.replace(record, requests=tuple(asked), complete=True))
        assert whole.effect is strictest


def test_a_policy_replays_its_own_decisions_without_a_difference() -> None:
    random = Random(4)
    for _ in range(30):
        standing = Engine(document(drawn.policy(random)))
        records = []
        for _ in range(30):
            asked = drawn.request(random)
            said = standing.decide(asked)
            records.append(Recorded(said.effect, said.rule, (asked,), standing.digest, said.rules))
        found = replay(standing, records)
        assert found.groups[Change.SAME].count == 30


def test_many_drawn_candidates_are_mostly_judged() -> None:
    random, said = Random(8), Counter[str]()
    for _ in range(60):
        old, new = Engine(document(drawn.policy(random))), Engine(document(drawn.policy(random)))
        asked = [drawn.request(random) for _ in range(20)]
        records = [Recorded(old.decide(one).effect, "r", (kept(one),)) for one in asked]
        found = simulate(new, records)
        said.update({str(change): group.count for change, group in found.groups.items()})
        direct = Counter(new.decide(one).effect for one in asked)
        for change, effect in ((Change.DENIED, "deny"), (Change.ALLOWED, "allow")):
            assert found.groups[change].count <= direct[Effect(effect)]
    assert said["cannot judge"] > 10
    assert said["newly denied"] > 10
    assert said["unchanged"] > said["cannot judge"]


X = {"parameters.x": {"equals": 1}}


def test_sections_that_are_recorded_whole_have_no_unknowns() -> None:
    record = Recorded(Effect.ALLOW, "r", (request(step={"tier": 1}),))
    assert Rejudge(engine(rule("a", ALLOW, conditions={"step.records": {"gt": 1}}))).answer(record).effect == "deny"
    unknown = Rejudge(engine(rule("a", ALLOW, conditions=X))).answer(record)
    assert unknown.effect is None
    assert unknown.may_be == {"allow", "deny"}
    assert unknown.hinges == {"parameters.x"}


def test_the_time_of_a_decision_is_that_of_its_record_where_nobody_was_waited_for() -> None:
    judging = Rejudge(engine(rule("a", DENY, expires="2027-01-01"), default_effect=ALLOW))
    record = Recorded(Effect.ALLOW, "r", (request(run={"tenant": "acme"}),), at="2026-12-31T10:00:00.000000Z")
    assert judging.answer(record).effect == "deny"
    assert judging.answer(dataclasses.replace(record, at="2027-01-01T00:00:00.000000Z")).effect == "allow"
    asked = dataclasses.replace(record, effect=Effect.REQUIRE_APPROVAL)  # recorded when people had answered
    assert judging.answer(asked).hinges == {"run.time"}
    assert judging.answer(dataclasses.replace(record, at="")).hinges == {"run.time"}
    told = request(run={"time": "2028-01-01"})
    assert judging.answer(dataclasses.replace(record, requests=(told,))).effect == "allow"
    assert judging.answer(dataclasses.replace(record, complete=True)).effect == "deny"  # missing: a deny goes on


def test_declared_attributes_that_were_not_kept_are_unknown() -> None:
    candidate = engine(
        rule("a", DENY, conditions={"context.change.ticket": {"exists": False}}),
        attributes={"context.change.ticket": "string"},
        default_effect=ALLOW,
    )
    judging = Rejudge(candidate)
    assert judging.answer(Recorded(Effect.ALLOW, "r", (request(),))).hinges == {"context.change.ticket"}
    known = request(context={"change": {"ticket": "T"}})
    assert judging.answer(Recorded(Effect.ALLOW, "r", (known,))).effect == "allow"
    beside = request(context={"change": {"owner": "carol"}})  # somebody else's answer was kept, this one was not
    assert judging.answer(Recorded(Effect.ALLOW, "r", (beside,))).hinges == {"context.change.ticket"}
    missing = request(context={"change": {"ticket": None}})
    assert judging.answer(Recorded(Effect.ALLOW, "r", (missing,))).effect == "deny"


def test_a_parameter_was_recorded_with_all_that_it_holds() -> None:
    judging = Rejudge(engine(rule("a", DENY, conditions={"parameters.x.deep": {"equals": 1}}), default_effect=ALLOW))
    assert judging.answer(Recorded(Effect.ALLOW, "r", (request(parameters={"x": {}}),))).effect == "deny"  # missing
    assert judging.answer(Recorded(Effect.ALLOW, "r", (request(parameters={"x": {"deep": 2}}),))).effect == "allow"
    assert judging.answer(Recorded(Effect.ALLOW, "r", (request(parameters={"y": 1}),))).effect is None


def test_a_declared_attribute_among_built_in_ones_is_unknown_where_it_was_not_kept() -> None:
    candidate = engine(
        rule("a", DENY, conditions={"subject.mfa": {"equals": False}}),
        attributes={"subject.mfa": "bool"},
        default_effect=ALLOW,
    )
    record = Recorded(Effect.ALLOW, "r", (request(subject={"name": "rita"}),))
    assert Rejudge(candidate).answer(record).hinges == {"subject.mfa"}
    own = dataclasses.replace(record, policy_digest=candidate.digest)
    assert Rejudge(candidate).answer(own).effect == "deny"  # it would be there if it had not been missing
    assert Rejudge(candidate, altered=True).answer(own).hinges == {"subject.mfa"}
    assert Rejudge(candidate).answer(dataclasses.replace(own, erased=("subject.mfa",))).hinges == {"subject.mfa"}


def test_an_erased_attribute_is_unknown_though_all_else_is_complete() -> None:
    judging = Rejudge(engine(rule("a", ALLOW, conditions=X)))
    whole = Recorded(Effect.ALLOW, "r", (request(),), complete=True)
    assert judging.answer(whole).effect == "deny"
    assert judging.answer(dataclasses.replace(whole, erased=("parameters.x",))).effect is None
    assert judging.answer(dataclasses.replace(whole, erased=("parameters.y",))).effect == "deny"
    assert judging.answer(dataclasses.replace(whole, erased=("resource",))).hinges == {"resource"}


def test_one_certain_deny_settles_a_step_that_does_several_things() -> None:
    judging = Rejudge(engine(rule("no", DENY, actions=["data:delete"]), rule("a", ALLOW, conditions=X)))
    both = (request("data:read"), request("data:delete"))
    assert judging.answer(Recorded(Effect.ALLOW, "r", both)).effect == "deny"
    assert judging.answer(Recorded(Effect.ALLOW, "r", both)).rule == "no"
    assert judging.answer(Recorded(Effect.ALLOW, "r", both[:1])).effect is None


LINE: dict[str, Any] = {
    "effect": "allow",
    "rule": "r",
    "requests": [{"action": "data:read", "resource": "x", "subject": {"name": "a"}}],
}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"efect": "deny"}, "efect"),
        ({"effect": "maybe"}, "effect"),
        ({"requests": []}, "requests"),
        ({"requests": [3]}, "requests"),
        ({"requests": [{"resource": "x"}]}, "action"),
        ({"rule": 3}, "rule"),
        ({"rules": "r"}, "rules"),
        ({"at": 3}, "at"),
    ],
)
def test_a_line_that_is_no_decision_is_refused_with_its_field(change: dict[str, Any], field: str) -> None:
    assert recorded_of(LINE).requests[0].selectors == {"user:a"}
    with pytest.raises(RequestError) as caught:
        recorded_of({**LINE, **change})
    assert caught.value.details["field"] == field


@given(st.randoms(use_true_random=False))
def test_a_decision_comes_back_from_its_line(random: Random) -> None:
    asked = drawn.request(random)
    record = Recorded(Effect.DENY, "r", (asked,), "sha256:x", ("shadow:s", "r"), "2026", "run", "f", "s", ("a.b",))
    try:
        again = recorded_of(json.loads(json.dumps(record.to_dict())))
    except RequestError:  # a drawn subject whose roles are no list
        return
    assert again == record
