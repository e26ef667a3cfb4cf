from __future__ import annotations

from datetime import timedelta

import pytest

from govflow.approval.delegations import check_delegation, path
from govflow.approval.models import ApprovalRequest, Delegation, DelegationTerms, VoteDecision
from govflow.errors import GovflowError, NotEligible, RequestError, SelfApproval
from tests.approval.build import NOW, rule
from tests.approval.chain import Play, asks, chain, delegation, group, stage

ROLES = {"bob": frozenset({"role:owner"}), "carol": frozenset({"role:owner"}), "sam": frozenset({"role:security"})}
TERMS = DelegationTerms(depth=2, ttl_seconds=86400)
OWNERS = rule(2, "role:owner").model_copy(update={"delegation": TERMS})


def roles(name: str) -> frozenset[str]:
    return ROLES.get(name, frozenset())


def found(*held: Delegation, taker: str = "zoe", request: ApprovalRequest | None = None) -> tuple[str, ...] | None:
    return path(held, taker, request or asks(OWNERS), NOW, roles)


def test_own_right_comes_first_and_without_any_there_is_none() -> None:
    assert found(delegation("carol", "bob"), taker="bob") == ()
    assert found() is None


def test_a_chain_leads_from_the_one_whose_right_it_is() -> None:
    assert found(delegation("bob", "zoe")) == ("bob",)
    assert found(delegation("bob", "yan", depth=1), delegation("yan", "zoe")) == ("bob", "yan")


@pytest.mark.parametrize(
    "held",
    [
        (delegation("dora", "zoe"),),  # who has no right has none to give
        (delegation("bob", "zoe", tenant="umbrella"),),
        (delegation("bob", "zoe", revoked_at=NOW),),
        (delegation("bob", "zoe", seconds=0),),
        (delegation("bob", "zoe", created_at=NOW - timedelta(days=1), seconds=99999999),),  # too old for the rule
        (delegation("bob", "zoe", request_id="req-2"),),
        (delegation("bob", "zoe", rule="other"),),
        (delegation("BOB", "zoe"),),  # what grants compares names exactly
        (delegation("bob", "Zoe"),),
        (delegation("bob", "yan"), delegation("yan", "zoe")),  # yan may not hand it on
        (delegation("bob", "x", depth=2), delegation("x", "yan", depth=1), delegation("yan", "zoe")),  # too deep
        (delegation("bob", "alice", depth=1), delegation("alice", "zoe")),  # through the requester
        (delegation("yan", "zoe", depth=1), delegation("zoe", "yan", depth=1)),  # a cycle
    ],
)
def test_what_does_not_hold_gives_no_right(held: tuple[Delegation, ...]) -> None:
    assert found(*held) is None


def test_a_delegation_for_one_request_or_one_rule_covers_it() -> None:
    assert found(delegation("bob", "zoe", request_id="req-1")) == ("bob",)
    assert found(delegation("bob", "zoe", rule="rule")) == ("bob",)


def test_a_rule_that_says_nothing_of_delegation_knows_own_rights_only() -> None:
    assert found(delegation("bob", "zoe"), request=asks(rule(1, "role:owner"))) is None


def test_delegation_to_the_requester_and_by_an_owner_gives_no_right() -> None:
    assert found(delegation("bob", "alice"), taker="alice") is None
    assert found(delegation("bob", "zoe"), request=asks(OWNERS, owners=("Bob",))) is None


def test_the_shortest_chain_wins_and_of_several_the_first_by_name() -> None:
    held = [delegation("carol", "zoe"), delegation("bob", "zoe"), delegation("bob", "carol", depth=1)]
    assert found(*held) == ("bob",)
    assert found(*reversed(held)) == ("bob",)


def test_with_the_votes_known_nobody_spent_hands_on_and_what_counts_now_comes_first() -> None:
    play = Play(asks(OWNERS))
    play.cast("bob", "role:owner")
    held = [delegation("bob", "zoe"), delegation("carol", "zoe")]
    assert path(held, "zoe", play.request, NOW, roles, votes=play.votes) == ("carol",)
    two = chain(stage("owners", group("o", "role:owner")), stage("s", group("s", "role:security")), delegation=TERMS)
    assert path([delegation("bob", "sam")], "sam", asks(two), NOW, roles) == ()
    assert path([delegation("bob", "sam")], "sam", asks(two), NOW, roles, votes=[]) == ("bob",)
    assert path([delegation("bob", "sam")], "sam", asks(two), NOW, roles, votes=[], approves=False) == ()
    later = Play(asks(two))
    later.cast("carol", "role:owner")
    assert path([delegation("bob", "sam")], "sam", later.request, NOW, roles, votes=later.votes) == ()


@pytest.mark.covers("S5-77")
def test_a_vote_through_a_chain_counts_for_the_first_of_it() -> None:
    play = Play(asks(OWNERS))
    through = found(delegation("bob", "yan", depth=1), delegation("yan", "zoe"))
    assert through == ("bob", "yan")
    assert play.cast("zoe", through=through, through_selectors=tuple(roles("bob"))).needed == 1


def test_a_veto_of_ones_own_is_not_lost_where_one_answers_for_another() -> None:
    vetoed = OWNERS.model_copy(update={"deny_threshold": 2, "veto": ("user:zoe", "role:owner")})
    outcome = Play(asks(vetoed)).cast(
        "zoe", through=("bob",), through_selectors=("role:owner",), decision=VoteDecision.DENY
    )
    assert outcome.state == "denied"


def test_what_may_be_given() -> None:
    check_delegation(delegation("bob", "zoe", depth=1), [OWNERS], request=asks(OWNERS))
    check_delegation(delegation("yan", "zoe"), [OWNERS], chain=("bob",))
    check_delegation(delegation("bob", "zoe"), [rule(1), OWNERS])


@pytest.mark.parametrize(
    ("given", "chain_", "error", "says"),
    [
        (delegation("bob", " BOB"), (), RequestError, "to themselves"),
        (delegation("bob", "zoe", request_id="req-1", rule="rule"), (), RequestError, "one request or"),
        (delegation("bob", "zoe", seconds=0), (), RequestError, "0 s"),
        (delegation("bob", "zoe", seconds=86401), (), RequestError, "86401 s"),
        (delegation("bob", "zoe", depth=2), (), RequestError, "2 times"),
        (delegation("yan", "zoe", depth=1), ("bob",), RequestError, "1 times"),
        (delegation("x", "zoe"), ("bob", "yan"), NotEligible, "lets this be delegated"),
        (delegation("dora", "zoe"), None, NotEligible, "no right"),
        (delegation("bob", "Alice"), (), SelfApproval, "cannot approve"),
        (delegation("otto", "zoe"), (), SelfApproval, "cannot approve"),
    ],
)
def test_what_may_not_be_given(
    given: Delegation, chain_: tuple[str, ...] | None, error: type[GovflowError], says: str
) -> None:
    with pytest.raises(error, match=says) as refused:
        check_delegation(given, [OWNERS], request=asks(OWNERS, owners=("otto",)), chain=chain_)
    assert refused.value.mend


def test_without_a_rule_that_allows_it_nobody_delegates() -> None:
    for terms in (None, DelegationTerms(depth=0)):
        with pytest.raises(NotEligible, match="delegated"):
            check_delegation(delegation("bob", "zoe"), [rule(1).model_copy(update={"delegation": terms})])
