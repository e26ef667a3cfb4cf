"""Attacks: one person who answers for two, and numbers with which an answer cannot be reckoned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from govflow.approval import ApprovalRule, RequestState, VoteDecision
from govflow.approval.models import BreakGlass, DelegationTerms, Escalation, Group, Stage
from govflow.errors import AlreadyVoted, GovflowError, NotAsked, NotEligible, PolicyError
from govflow.identity import PrincipalKind
from govflow.services.break_glass import break_glass
from govflow.services.cast_answer import cast_answer
from govflow.services.decide_approvals import decide, mint_token
from govflow.services.delegate import delegate
from govflow.services.list_inbox import list_inbox
from govflow.services.manage_people import add_principal
from govflow.services.revoke_approval import revoke
from govflow.services.who_decides import who
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import Settings
from tests.services.desks import HOUR, NOW, ask, desk

TERMS = DelegationTerms(depth=2, ttl_seconds=86400)
ANYBODY = ApprovalRule(name="two", required=2, delegation=TERMS, break_glass=BreakGlass(approvers=("*",)))
OWNERS = ApprovalRule(name="owners", required=2, approvers=("role:owner",), delegation=TERMS)
BESIDE = ApprovalRule(
    name="beside",
    stages=(
        Stage(name="build", groups=(Group(name="ci", approvers=("role:ci",)),)),
        Stage(name="people", groups=(Group(name="people", required=2),)),
    ),
    veto=("*",),
    deny_threshold=3,
    escalation=(Escalation(after_seconds=60, approvers=("*",)),),
    delegation=TERMS,
)
BOTS = ApprovalRule(name="bots", approvers=("role:ci", "*"))


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Workspace]:
    opened = desk(tmp_path, ANYBODY, OWNERS, BOTS, bob=("owner",), carol=("owner",))
    add_principal(opened, "bot", "root", NOW, kind=PrincipalKind.MACHINE, roles=["ci"])
    yield opened
    opened.close()


def yes(at: Workspace, name: str) -> RequestState:
    return decide(at, "req-1", at.principal(name), VoteDecision.APPROVE, "", NOW).request.state


def hand_on(at: Workspace, giver: str, taker: str) -> None:
    delegate(at, at.principal(giver), taker, until=NOW + HOUR, now=NOW, new_id=f"{giver}-{taker}", request_id="req-1")


def test_the_key_of_a_machine_does_not_make_two_people_of_one(at: Workspace) -> None:
    ask(at, ANYBODY)
    yes(at, "bob")
    bot = at.principal("bot")
    for attack in (
        lambda: yes(at, "bot"),
        lambda: mint_token(at, "req-1", bot, NOW, bytes(32)),
        lambda: break_glass(at, "req-1", bot, "it cannot wait at all", NOW),
    ):
        with pytest.raises(NotEligible, match="machine account"):
            attack()
    assert at.store.approvals.get("req-1").state is RequestState.PENDING
    found = who(at, "req-1", NOW)
    assert "bot" not in (*found.now, *found.alone)


def test_a_machine_that_a_rule_names_answers_it(at: Workspace) -> None:
    ask(at, BOTS)
    assert yes(at, "bot") is RequestState.APPROVED


def test_a_machine_that_a_rule_names_in_one_place_fills_no_place_that_is_for_people(at: Workspace) -> None:
    add_principal(at, "cat", "root", NOW, kind=PrincipalKind.MACHINE, roles=["ci"])
    ask(at, BESIDE)
    assert yes(at, "bot") is RequestState.PENDING
    with pytest.raises(NotAsked, match="this is a machine account"):
        yes(at, "cat")
    assert "cat" not in who(at, "req-1", NOW).now
    assert yes(at, "bob") is RequestState.PENDING
    assert yes(at, "carol") is RequestState.APPROVED


def test_escalation_and_veto_of_anybody_are_no_machine_s_either(at: Workspace) -> None:
    add_principal(at, "cat", "root", NOW, kind=PrincipalKind.MACHINE, roles=["ci"])
    ask(at, BESIDE)
    yes(at, "bot")
    later = NOW + timedelta(seconds=61)
    with pytest.raises(NotAsked):
        decide(at, "req-1", at.principal("cat"), VoteDecision.APPROVE, "", later)
    no = decide(at, "req-1", at.principal("cat"), VoteDecision.DENY, "", later)
    assert no.request.state is RequestState.PENDING


def test_a_person_lets_no_machine_fill_a_place_that_is_for_people(at: Workspace) -> None:
    add_principal(at, "cat", "root", NOW, kind=PrincipalKind.MACHINE, roles=["ci"])
    ask(at, BESIDE)
    yes(at, "bot")
    hand_on(at, "bob", "cat")
    with pytest.raises(NotAsked):
        yes(at, "cat")


def test_a_token_of_a_machine_fills_no_place_that_is_for_people(at: Workspace) -> None:
    add_principal(at, "cat", "root", NOW, kind=PrincipalKind.MACHINE, roles=["ci"])
    asked = ask(at, BESIDE)
    secret = SecretStr(mint_token(at, "req-1", at.principal("cat"), NOW, bytes(32)))
    yes(at, "bot")
    with pytest.raises(NotAsked):
        cast_answer(at, asked, secret, VoteDecision.APPROVE, "", NOW)


def test_a_machine_takes_back_nothing_where_no_rule_names_it(at: Workspace) -> None:
    ask(at, ANYBODY)
    with pytest.raises(NotEligible):
        revoke(at, "req-1", at.principal("bot"), "because", NOW)
    assert list_inbox(at, at.principal("bot"), NOW).rows == ()


def test_two_who_delegate_to_each_other_have_one_vote_each(at: Workspace) -> None:
    ask(at, OWNERS)
    hand_on(at, "bob", "carol")
    hand_on(at, "carol", "bob")
    assert yes(at, "bob") is RequestState.PENDING
    for name in ("bob", "Bob", "BOB"):
        with pytest.raises(GovflowError):
            yes(at, name)
    assert at.store.approvals.get("req-1").state is RequestState.PENDING


def test_one_taker_under_two_spellings_votes_once_for_two_givers(at: Workspace) -> None:
    ask(at, OWNERS)
    hand_on(at, "bob", "zed")
    hand_on(at, "carol", "ZED")
    assert yes(at, "zed") is RequestState.PENDING
    with pytest.raises(AlreadyVoted):
        yes(at, "ZED")


@pytest.mark.parametrize(
    "terms",
    [
        "ttl_seconds: 1000000000000000",
        "delegation: {ttl_seconds: 1000000000000000}",
        'break_glass: {approvers: ["*"], review_seconds: 1000000000000000}',
        "standing: {max_runs: 1000000000000000000000000, ttl_seconds: 60}",
    ],
)
def test_a_number_with_which_no_answer_can_be_reckoned_does_not_load(tmp_path: Path, terms: str) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\n"
        'policy: {name: mine, default: deny, rules: [{name: all, effect: allow, actions: ["*"]}]}\n'
        f"approvals: {{two: {{required: 2, {terms}}}}}\n"
    )
    with pytest.raises(PolicyError):
        open_workspace(Settings(policy=policy, database_url=f"sqlite:///{tmp_path}/gov.db"))
