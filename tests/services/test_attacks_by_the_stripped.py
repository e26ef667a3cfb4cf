"""Attacks: what somebody was when a token was made lets nobody vote who is not that any more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from govflow.approval import ApprovalRule, RequestState, VoteDecision
from govflow.approval.models import DelegationTerms
from govflow.errors import NotEligible
from govflow.identity import Assurance, Principal
from govflow.identity.life_times import IDLE
from govflow.services.cast_answer import cast_answer
from govflow.services.decide_approvals import mint_token
from govflow.services.delegate import delegate
from govflow.services.manage_people import Change, add_principal, change_principal
from govflow.services.workspace import Workspace
from govflow.store.sign_ins import Session
from tests.services.desks import HOUR, NOW, ask, desk, log

TERMS = DelegationTerms(depth=1, ttl_seconds=86400)
OWNERS = ApprovalRule(name="owners", approvers=("role:owner", "group:data"), delegation=TERMS)
SESSION = Session(
    digest="sha256:" + "5" * 64,
    tenant="default",
    principal="dora",
    assurance="authenticated",
    method="oidc",
    roles=(),
    groups=("data",),
    created_at=NOW,
    seen_at=NOW,
    expires_at=NOW + timedelta(hours=12),
)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Workspace]:
    opened = desk(tmp_path, OWNERS, zed=("owner",))
    add_principal(opened, "bob", "root", NOW, roles=["owner"], groups=["data"])
    add_principal(opened, "dora", "root", NOW)
    ask(opened, OWNERS)
    yield opened
    opened.close()


def token_of(at: Workspace, person: Principal | str) -> SecretStr:
    known = at.principal(person) if isinstance(person, str) else person
    return SecretStr(mint_token(at, "req-1", known, NOW, os.urandom(32)))


def answer(at: Workspace, secret: SecretStr, later: timedelta = timedelta(0)) -> RequestState:
    asked = at.store.approvals.get("req-1")
    return cast_answer(at, asked, secret, VoteDecision.APPROVE, "", NOW + later).state


def signed_in(at: Workspace) -> Principal:
    """Dora, for whose group a provider vouches."""
    at.store.sign_ins.open(SESSION)
    return at.principal("dora", Assurance.AUTHENTICATED).model_copy(update={"groups": ("data",)})


def test_a_token_of_somebody_who_lost_the_role_since_buys_no_vote_and_says_why(at: Workspace) -> None:
    secret = token_of(at, "bob")
    change_principal(at, "bob", Change(drop_roles=("owner",), drop_groups=("data",)), "root", NOW)
    with pytest.raises(NotEligible, match="bob had the group data and role owner when this token was made"):
        answer(at, secret)
    assert at.store.approvals.get("req-1").state is RequestState.PENDING
    assert at.store.approvals.votes("req-1") == []
    assert [body["subject"] for body in log(at, "approval.vote_refused")] == ["bob"]


def test_the_same_token_counts_again_with_the_role(at: Workspace) -> None:
    secret = token_of(at, "bob")
    change_principal(at, "bob", Change(drop_roles=("owner",), drop_groups=("data",)), "root", NOW)
    with pytest.raises(NotEligible):
        answer(at, secret)
    change_principal(at, "bob", Change(add_roles=("owner",)), "root", NOW)
    assert answer(at, secret) is RequestState.APPROVED
    assert at.store.approvals.votes("req-1")[0].selectors == ("role:owner", "user:bob")


def test_who_keeps_another_right_still_votes(at: Workspace) -> None:
    secret = token_of(at, "bob")
    change_principal(at, "bob", Change(drop_roles=("owner",)), "root", NOW)
    assert answer(at, secret) is RequestState.APPROVED


def test_nobody_answers_in_the_stead_of_somebody_who_lost_the_role(at: Workspace) -> None:
    delegate(at, at.principal("bob"), "erin", until=NOW + HOUR, now=NOW, new_id="one", request_id="req-1")
    secret = token_of(at, "erin")
    change_principal(at, "bob", Change(drop_roles=("owner",), drop_groups=("data",)), "root", NOW)
    with pytest.raises(NotEligible):
        answer(at, secret)


def test_a_name_that_the_store_does_not_have_counts_as_what_it_was(at: Workspace) -> None:
    secret = token_of(at, "zed")
    at.principals = {}
    assert answer(at, secret) is RequestState.APPROVED


def test_what_a_sign_in_vouches_for_counts_while_its_session_is_open(at: Workspace) -> None:
    assert answer(at, token_of(at, signed_in(at)), IDLE / 4) is RequestState.APPROVED


def test_a_token_outlives_no_sign_in_that_gave_it_its_worth(at: Workspace) -> None:
    secret = token_of(at, signed_in(at))
    at.store.sign_ins.end("default", SESSION.digest, "dora", NOW)
    with pytest.raises(NotEligible, match="dora had the group data"):
        answer(at, secret)


def test_the_roles_of_another_systems_token_make_no_token_that_lasts(at: Workspace) -> None:
    machine = at.principal("dora", Assurance.AUTHENTICATED).model_copy(update={"groups": ("data",)})
    with pytest.raises(NotEligible, match="of this call alone"):
        token_of(at, machine)


def test_the_session_of_somebody_else_vouches_for_nothing(at: Workspace) -> None:
    at.store.sign_ins.open(replace(SESSION, principal="bob", digest="sha256:" + "6" * 64))
    dora = at.principal("dora").model_copy(update={"groups": ("data",)})
    with pytest.raises(NotEligible):
        token_of(at, dora)
