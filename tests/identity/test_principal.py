from __future__ import annotations

import pytest
from pydantic import ValidationError

from govflow.approval import selectors
from govflow.identity import Assurance, Principal, PrincipalKind
from govflow.identity.principal import MACHINE
from govflow.policy.selectors import APPROVER_KINDS, SUBJECT_KINDS, selector_problem


def test_a_principal_is_selected_by_name_and_roles() -> None:
    alice = Principal(name="alice@acme.io", roles=("owner", "dev"))
    assert alice.selectors() == {"user:alice@acme.io", "role:owner", "role:dev"}


def test_a_principal_is_selected_by_groups_too() -> None:
    carol = Principal(name="carol", roles=("owner",), groups=("data-team", "on-call"))
    assert carol.selectors() == {"user:carol", "role:owner", "group:data-team", "group:on-call"}


def test_a_principal_is_a_person_unless_it_is_said_to_be_a_machine() -> None:
    assert Principal(name="carol").kind is PrincipalKind.PERSON
    assert Principal(name="bot", kind=PrincipalKind.MACHINE).selectors() == {"user:bot", MACHINE}


def test_a_name_is_a_claim_until_a_sign_in_vouches_for_it() -> None:
    assert Principal(name="alice").assurance is Assurance.CLAIMED
    assert Assurance.CLAIMED.value == "claimed, not authenticated"


@pytest.mark.parametrize(
    "name", ["", " alice", "alice ", "alice\n", "a b", "-alice", "user:alice", "*", "a" * 129, "álice"]
)
def test_names_that_could_pass_for_others_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Principal(name=name)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        Principal.model_validate({"name": "alice", "admin": True})


def test_a_principal_cannot_be_changed() -> None:
    alice = Principal(name="alice")
    with pytest.raises(ValidationError):
        alice.name = "bob"  # type: ignore[misc]  # the attack


def test_a_machine_is_told_from_a_person_by_one_word_that_no_rule_can_name() -> None:
    assert MACHINE == selectors.MACHINE
    assert MACHINE in Principal(name="bot", kind=PrincipalKind.MACHINE).selectors()
    assert MACHINE not in Principal(name="bob").selectors()
    assert selector_problem(MACHINE, APPROVER_KINDS) is not None
    assert selector_problem(MACHINE, SUBJECT_KINDS) is not None
