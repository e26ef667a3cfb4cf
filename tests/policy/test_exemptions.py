"""Exceptions: honoured for whom and until when they say, refused in doubt."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from govflow.errors import PolicyError
from govflow.policy.document import PolicyDocument
from govflow.policy.engine import Engine
from govflow.policy.model import Decision
from govflow.policy.rules import PolicySet
from tests.policy.build import ALLOW, ASK, DENY, request, rule

BEFORE = "2026-12-31T23:59:59Z"
AT = "2027-01-01T00:00:00Z"


def exception(**fields: Any) -> dict[str, Any]:
    return {"name": "move", "rule": "r", "owner": "carol", "ticket": "CHG-1", "expires": "2027-01-01", **fields}


def built(*exceptions: dict[str, Any], **fields: Any) -> Engine:
    soft = rule("r", fields.pop("effect", DENY), level="soft-mandatory", description="Not at night.", **fields)
    policy = {"name": "p", "default": "allow", "rules": [soft], "exceptions": list(exceptions)}
    return Engine(PolicyDocument.build(PolicySet.model_validate(policy), attributes={"context.ticket": "string"}))


def said(standing: Engine, *selectors: str, resource: str = "dataset://acme/x", **spaces: Any) -> Decision:
    return standing.decide(request("data:write", resource, *selectors, **{"run": {"time": BEFORE}, **spaces}))


@pytest.mark.parametrize("effect", [DENY, ASK])
def test_an_exception_that_holds_takes_the_rule_out_of_the_decision(effect: Any) -> None:
    decision = said(built(exception(), effect=effect))
    assert (decision.effect, decision.rule) == (ALLOW, "default")
    assert (decision.rules, decision.exceptions) == (("exempt:r",), ("move",))


def test_an_expired_exception_is_refused_and_the_reason_says_so() -> None:
    decision = said(built(exception()), run={"time": AT})
    assert (decision.effect, decision.rule, decision.exceptions) == (DENY, "r", ())
    assert decision.reason == "Not at night. Exception 'move' is refused: it has expired."


@pytest.mark.parametrize("run", [{}, {"time": None}, {"time": "soon"}, {"time": 5}, {"time": "2026-12-31T23:59:59"}])
def test_an_exception_is_refused_where_the_time_is_not_known(run: dict[str, Any]) -> None:
    decision = said(built(exception()), run=run)
    assert (decision.effect, decision.rule) == (DENY, "r")
    assert "the time of the decision is not known" in decision.reason


def test_the_time_may_be_a_datetime() -> None:
    assert said(built(exception()), run={"time": datetime(2026, 12, 31, tzinfo=UTC)}).exceptions == ("move",)


@pytest.mark.parametrize(
    ("fields", "honoured"),
    [
        ({"subjects": ["role:migration"]}, True),
        ({"subjects": ["role:other"]}, False),
        ({"actions": ["data:write"]}, True),
        ({"actions": ["data:delete"]}, False),
        ({"resources": ["dataset://acme/*"]}, True),
        ({"resources": ["dataset://other/*"]}, False),
        ({"conditions": {"context.ticket": {"equals": "T-1"}}}, True),
        ({"conditions": {"context.ticket": {"equals": "T-2"}}}, False),
        ({"conditions": {"parameters.gone": {"equals": 1}}}, False),
        ({"conditions": {"parameters.gone": {"not_equals": 1}}}, False),
        ({"conditions": {"parameters.text": {"gt": 1}}}, False),  # no answer
    ],
)
def test_an_exception_is_for_whom_it_says(fields: dict[str, Any], honoured: bool) -> None:
    spaces: dict[str, Any] = {"context": {"ticket": "T-1"}, "parameters": {"text": "x"}}
    decision = said(built(exception(**fields)), "role:migration", **spaces)
    assert decision.effect is (ALLOW if honoured else DENY)
    if not honoured:
        assert decision.reason == "Not at night."  # nothing was refused: it is not for this request


def test_a_resource_that_is_known_in_part_is_excepted_only_as_a_whole() -> None:
    standing = built(exception(resources=["dataset://acme/x*"]))
    assert said(standing, resource="dataset://acme/x{?}").effect is ALLOW
    assert said(standing, resource="dataset://acme/{?}").effect is DENY


def test_one_of_several_exceptions_is_enough() -> None:
    decision = said(built(exception(name="old", expires="2026-01-01"), exception(name="new")))
    assert decision.exceptions == ("new",)


def test_an_exception_covers_no_error() -> None:
    decision = said(built(exception(), conditions={"parameters.n": {"gt": 1}}), parameters={"n": "x"})
    assert (decision.effect, decision.rule) == (DENY, "error")


def test_other_rules_still_decide() -> None:
    policy = PolicySet.model_validate(
        {
            "name": "p",
            "rules": [rule("r", DENY, level="soft-mandatory", priority=1), rule("other", DENY)],
            "exceptions": [exception()],
        }
    )
    decision = said(Engine(PolicyDocument.build(policy)))
    assert (decision.rule, decision.rules, decision.exceptions) == ("other", ("exempt:r", "other"), ("move",))


@pytest.mark.parametrize(
    ("level", "effect", "fields", "place", "says"),
    [
        ("hard-mandatory", DENY, {}, "rule", "only a soft-mandatory rule has exceptions"),
        ("advisory", DENY, {}, "rule", "only a soft-mandatory rule has exceptions"),
        ("soft-mandatory", ALLOW, {}, "rule", "nobody needs an exception"),
        ("soft-mandatory", DENY, {"rule": "rr"}, "rule", "no rule 'rr'"),
        ("soft-mandatory", DENY, {"owner": "user:carol"}, "owner", "cannot be the name"),
        ("soft-mandatory", DENY, {"ticket": " T"}, "ticket", "blank"),
        ("soft-mandatory", DENY, {"actions": ["data:wirte"]}, "actions[0]", "unknown action"),
        ("soft-mandatory", DENY, {"subjects": ["carol"]}, "subjects[0]", "not a selector"),
        ("soft-mandatory", DENY, {"conditions": {"run.flwo": {"equals": "a"}}}, "conditions[run.flwo]", "unknown attr"),
        (
            "soft-mandatory",
            DENY,
            {"conditions": {"run.flow": {"exists": False}}},
            "conditions[run.flow].exists",
            "open",
        ),
    ],
)
def test_an_exception_that_cannot_be_used_is_refused(
    level: str, effect: Any, fields: dict[str, Any], place: str, says: str
) -> None:
    policy = PolicySet.model_validate(
        {"name": "p", "rules": [rule("r", effect, level=level)], "exceptions": [exception(**fields)]}
    )
    with pytest.raises(PolicyError) as caught:
        PolicyDocument.build(policy)
    separator = "" if place.startswith("[") else "."
    assert caught.value.details["field"] == f"policy.exceptions[0]{separator}{place}"
    assert says in caught.value.message


def test_what_an_exception_reads_is_part_of_the_footprint() -> None:
    standing = built(exception(conditions={"context.ticket": {"equals": "T"}}))
    assert standing.footprint == {"context.ticket", "run.time"}
