from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from govflow.identity.principal import Principal
from govflow.policy.selectors import PRINCIPAL_NAME, SUBJECT_KINDS, selector_problem


@given(name=st.text(alphabet="aA0._@+-* é\n:", max_size=6) | st.sampled_from(["a" * 128, "a" * 129]))
def test_the_names_of_a_policy_file_are_those_of_identity(name: str) -> None:
    try:
        Principal(name=name)
        taken = True
    except ValidationError:
        taken = False
    assert (PRINCIPAL_NAME.fullmatch(name) is not None) is taken


@pytest.mark.parametrize("selector", ["*", "user:alice", "role:data-owner", "group:night", "team:x/y", "tenant:acme"])
def test_selectors_that_can_be_used(selector: str) -> None:
    assert selector_problem(selector, SUBJECT_KINDS) is None


@pytest.mark.parametrize("selector", ["", "alice", "user:", "user: alice", "role:a b", "role:*", "grp:x", "User:a"])
def test_selectors_that_cannot(selector: str) -> None:
    problem = selector_problem(selector, SUBJECT_KINDS)
    assert problem is not None
    assert all(problem)
