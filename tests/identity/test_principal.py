from __future__ import annotations

import pytest
from pydantic import ValidationError

from govflow.identity import Assurance, Principal


def test_a_principal_is_selected_by_name_and_roles() -> None:
    alice = Principal(name="alice@acme.io", roles=("owner", "dev"))
    assert alice.selectors() == {"user:alice@acme.io", "role:owner", "role:dev"}


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
