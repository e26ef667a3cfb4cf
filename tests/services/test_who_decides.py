"""Who may decide a request now, who has, who still may, and who cannot and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from govflow.approval import ApprovalRule, VoteDecision
from govflow.approval.models import BreakGlass, DelegationTerms, Escalation, Group, Stage
from govflow.errors import RequestError
from govflow.services.decide_approvals import decide
from govflow.services.delegate import delegate
from govflow.services.describe.deciders import deciders_json, deciders_text
from govflow.services.who_decides import Deciders, who
from govflow.services.workspace import Workspace
from tests.services.desks import HOUR, NOW, ask, desk

RULE = ApprovalRule(
    name="staged",
    stages=(
        Stage(name="owners", groups=(Group(name="owners", approvers=("role:owner", "user:zoe"), required=2),)),
        Stage(name="security", groups=(Group(name="security", approvers=("role:security",)),)),
    ),
    escalation=(Escalation(after_seconds=600, approvers=("user:max",)),),
    delegation=DelegationTerms(),
    break_glass=BreakGlass(approvers=("role:on-call",)),
)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Workspace]:
    people = {"alice": ("owner",), "bob": ("owner",), "carol": ("owner",), "olga": ("owner",)}
    opened = desk(tmp_path, RULE, **people, erin=("security",), dora=("on-call",), fred=())
    yield opened
    opened.close()


def excluded(found: Deciders) -> dict[str, str]:
    return {one.name: one.why for one in found.excluded}


def test_it_says_who_may_by_stage_and_group_and_who_cannot_and_why(at: Workspace) -> None:
    ask(at, RULE, owners=("olga",))
    decide(at, "req-1", at.principal("bob"), VoteDecision.APPROVE, "", NOW)
    given = {"until": NOW + HOUR, "now": NOW, "new_id": "d-1", "request_id": "req-1"}
    delegate(at, at.principal("carol"), "fred", **given)  # type: ignore[arg-type]
    found = who(at, "req-1", NOW)
    assert found.may == ((("carol", "zoe"),), (("erin",),))
    assert [stage.state for stage in found.progress.stages] == ["open", "later"]
    assert found.now == ("carol", "zoe")
    assert [(one.name, one.through) for one in found.stead] == [("fred", ("carol",))]
    assert found.alone == ("dora",)
    assert excluded(found) == {
        "alice": "asked for the run",
        "olga": "owns the schedule or bot that started the run",
        "bob": "has said yes",
    }
    assert found.progress.needed == 2


def test_text_and_json_say_the_same(at: Workspace) -> None:
    ask(at, RULE)
    decide(at, "req-1", at.principal("bob"), VoteDecision.APPROVE, "", NOW)
    found = who(at, "req-1", NOW)
    text, document = deciders_text(found), deciders_json(found)
    assert "needs 2 more people at least" in text
    assert "owners: 1 of 2 said yes (bob)" in text
    assert "may still answer: carol, olga, zoe" in text
    assert "security: asked later" in text
    assert "alice: asked for the run" in text
    assert document["stages"][0]["groups"][0]["may"] == ["carol", "olga", "zoe"]
    assert document["stages"][0]["groups"][0]["given"] == ["bob"]
    assert (document["needed"], document["until"]) == (2, (NOW + HOUR).isoformat())


def test_after_the_time_of_an_escalation_others_may_too(at: Workspace) -> None:
    ask(at, RULE)
    assert "max" not in who(at, "req-1", NOW).now
    later = who(at, "req-1", NOW + timedelta(seconds=600))
    assert "max" in later.now
    assert "by escalation also: max" in deciders_text(later)


def test_of_a_closed_request_nobody_may_any_more(at: Workspace) -> None:
    ask(at, RULE)
    decide(at, "req-1", at.principal("bob"), VoteDecision.DENY, "", NOW)
    found = who(at, "req-1", NOW)
    assert (found.now, found.alone, found.stead, found.may) == ((), (), (), (((),), ((),)))
    assert excluded(found)["bob"] == "has said no"


def test_of_another_tenants_request_it_says_nothing(at: Workspace) -> None:
    with pytest.raises(RequestError, match="no approval request"):
        who(at, "req-9", NOW)
