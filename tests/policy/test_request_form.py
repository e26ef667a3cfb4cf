"""Requests as files write them."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from govflow.errors import RequestError
from govflow.policy.model import PolicyRequest
from govflow.policy.request_form import form_of, request_of
from tests.policy import drawn

WHOLE: dict[str, Any] = {
    "action": "data:delete",
    "provider": "postgres",
    "resource": "dataset://acme/x",
    "subject": {"name": "rita", "roles": ["developer"], "groups": ["night"], "teams": ["data"]},
    "run": {"tenant": "acme", "environment": "production"},
    "budget": {"left": 3},
}


def test_selectors_are_those_of_the_subject_and_the_tenant() -> None:
    request = request_of(WHOLE)
    assert request.selectors == {"user:rita", "role:developer", "group:night", "team:data", "tenant:acme"}
    assert request.attributes["budget"] == {"left": 3}
    assert form_of(request) == WHOLE


def test_selectors_can_be_said_outright() -> None:
    form = {**WHOLE, "selectors": ["role:owner"]}
    assert request_of(form).selectors == {"role:owner"}
    assert form_of(request_of(form)) == form


def test_any_request_comes_back_from_its_form() -> None:
    random = Random(4)
    for _ in range(300):
        request: PolicyRequest = drawn.request(random)
        assert request_of(form_of(request)) == request


@pytest.mark.parametrize(
    ("change", "field", "mend"),
    [
        ({"actoin": "x"}, "actoin", "Did you mean 'action'"),
        ({"action": None}, "action", "Write action: TEXT"),
        ({"resource": {"path": "/a"}}, "resource", "Write resource: TEXT"),
        ({"run": "production"}, "run", "Write 'name: value' lines"),
        ({"selectors": "role:a"}, "selectors", "Write a list"),
        ({"subject": {"roles": "a"}}, "subject.roles", "Write a list"),
        ({"subject": {"name": 3}}, "name", "Write name: TEXT"),
    ],
)
def test_what_cannot_be_read_is_named(change: dict[str, Any], field: str, mend: str) -> None:
    with pytest.raises(RequestError) as refused:
        request_of({**WHOLE, **change})
    assert refused.value.details["field"] == field
    assert mend in (refused.value.mend or "")
