from __future__ import annotations

from datetime import timedelta

import pytest

from govflow.approval.exercise import judge_exercise
from govflow.approval.models import RequestState
from govflow.errors import ApprovalDenied, ApprovalExpired, ApprovalRevoked, GovflowError, RequestClosed
from tests.approval.build import NOW, asked, binding, digest

APPROVED = asked(state=RequestState.APPROVED)


def test_an_approved_request_may_be_claimed() -> None:
    judge_exercise(APPROVED, binding(), NOW)
    judge_exercise(APPROVED, binding(), APPROVED.expires_at - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (RequestState.PENDING, RequestClosed),
        (RequestState.EXERCISED, RequestClosed),
        (RequestState.DENIED, ApprovalDenied),
        (RequestState.EXPIRED, ApprovalExpired),
        (RequestState.REVOKED, ApprovalRevoked),
        (RequestState.VOIDED, RequestClosed),
    ],
)
def test_any_other_is_refused_for_its_own_reason(state: RequestState, error: type[GovflowError]) -> None:
    with pytest.raises(error) as caught:
        judge_exercise(asked(state=state), binding(), NOW)
    assert type(caught.value) is error
    assert caught.value.details["state"] == state.value


def test_an_approval_that_was_not_used_in_time_is_refused() -> None:
    with pytest.raises(ApprovalExpired):
        judge_exercise(APPROVED, binding(), APPROVED.expires_at)


def test_approval_of_other_parameters_is_refused() -> None:
    with pytest.raises(RequestClosed, match="the step's parameters changed"):
        judge_exercise(APPROVED, binding(parameters_digest=digest("a")), NOW)


def test_approval_of_another_run_is_refused() -> None:
    with pytest.raises(RequestClosed, match="the run changed"):
        judge_exercise(APPROVED, binding(run_id="run-2"), NOW)


def test_approval_under_another_policy_is_refused() -> None:
    with pytest.raises(RequestClosed, match="the policy changed"):
        judge_exercise(APPROVED, binding(policy_digest=digest("a")), NOW)
