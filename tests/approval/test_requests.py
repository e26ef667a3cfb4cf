from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.approval.models import Binding, RequestState
from govflow.approval.requests import expiry, is_overdue, open_request, parameters_digest, void_reason
from govflow.errors import CanonicalError, RequestError
from govflow.ir.models import Tier
from tests.approval.build import NOW, asked, binding, digest, rule

SALT = bytes(range(32))


def test_a_request_is_pending_for_as_long_as_its_rule_says() -> None:
    request = asked()
    assert request.state is RequestState.PENDING
    assert (request.created_at, request.expires_at) == (NOW, NOW + timedelta(seconds=3600))


@pytest.mark.covers("S5-71")
@pytest.mark.parametrize("ttl", [0, -1, -3600])
def test_a_time_to_live_that_is_over_at_once_is_refused(ttl: int) -> None:
    with pytest.raises(RequestError, match=f"{ttl} s"):
        expiry(NOW, ttl)


def test_a_time_to_live_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(RequestError, match="calendar"):
        expiry(NOW, 10**12)
    with pytest.raises(RequestError, match="calendar"):
        expiry(NOW, 10**30)


def test_a_time_without_a_zone_is_wrong_use() -> None:
    with pytest.raises(ValueError, match="time zone"):
        expiry(NOW.replace(tzinfo=None), 60)


@pytest.mark.parametrize("requester", ["", "  "])
def test_a_request_that_nobody_makes_is_refused(requester: str) -> None:
    with pytest.raises(RequestError, match="requester"):
        open_request(binding(), rule(), requester, Tier.HIGH, "r", "why", {}, NOW, "req-1")


@pytest.mark.parametrize("state", [*RequestState])
def test_open_requests_become_overdue_votes_or_no_votes(state: RequestState) -> None:
    request = asked(state=state)
    open_still = state in {RequestState.PENDING, RequestState.APPROVED}
    assert not is_overdue(request, request.expires_at - timedelta(microseconds=1))
    assert is_overdue(request, request.expires_at) is open_still


def test_an_identical_plan_keeps_its_approval() -> None:
    assert void_reason(binding(), binding()) is None


CHANGES: list[tuple[dict[str, Any], str]] = [
    (
        {"ir_hash": digest("a")},
        "the plan or its parameters (IR) changed from sha256:111111111111… to sha256:aaaaaaaaaaaa…",
    ),
    ({"policy_digest": digest("a")}, "the policy changed"),
    ({"parameters_digest": digest("a")}, "the step's parameters changed"),
    ({"tenant": "other"}, "the tenant changed from acme to other"),
    ({"run_id": "run-2"}, "the run changed from run-1 to run-2"),
    ({"step_id": "x"}, "the step changed"),
    ({"flow": "x"}, "the flow changed"),
    ({"map_index": 4}, "the map index changed from none to 4"),
]


@pytest.mark.parametrize(("changes", "says"), CHANGES)
def test_any_change_voids_and_says_what_changed(changes: dict[str, Any], says: str) -> None:
    reason = void_reason(binding(), binding(**changes))
    assert reason is not None
    assert says in reason


def test_several_changes_are_all_named() -> None:
    reason = void_reason(binding(), binding(tenant="other", policy_digest=digest("a")))
    assert reason is not None
    assert "the tenant" in reason
    assert "the policy" in reason


def test_no_part_of_a_binding_is_forgotten() -> None:
    assert {name for changes, _ in CHANGES for name in changes} == set(Binding.model_fields)


JSON = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3), st.lists, max_leaves=4)
PARAMETERS = st.dictionaries(st.text(max_size=3), JSON, max_size=3)


@given(one=PARAMETERS, other=PARAMETERS)
def test_parameters_have_one_commitment(one: dict[str, Any], other: dict[str, Any]) -> None:
    again = dict(reversed(one.items()))
    assert parameters_digest(SALT, again) == parameters_digest(SALT, one)
    # repr tells True from 1, as JSON does and Python's equality does not.
    same = sorted(map(repr, one.items())) == sorted(map(repr, other.items()))
    assert (parameters_digest(SALT, one) == parameters_digest(SALT, other)) is same


def test_the_commitment_hides_the_values_behind_the_salt() -> None:
    assert parameters_digest(SALT, {"n": 1}) != parameters_digest(bytes(32), {"n": 1})
    binding(parameters_digest=parameters_digest(SALT, {"n": 1}))  # it is a digest as models take it


@pytest.mark.parametrize("length", [0, 15])
def test_a_salt_that_hides_nothing_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="salt"):
        parameters_digest(bytes(length), {})


def test_parameters_without_a_canonical_form_are_refused_by_name() -> None:
    with pytest.raises(CanonicalError, match=r"parameters\.rate: NaN"):
        parameters_digest(SALT, {"rate": float("nan")})
