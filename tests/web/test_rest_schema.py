"""The REST API does what its description says, whatever is sent: no server error, no answer of another shape."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS, load_all_checks

from govflow.console.api import openapi, router
from govflow.console.app import create_app
from govflow.services.workspace import Workspace
from tests.console.api_place import a_place, ask, key_of

EXAMPLES = 40 if os.environ.get("GOVFLOW__CI") else 12
"""For each route: each is a call over the whole stack."""

JUDGED = ("/delegations", "/standing", "/review", "/break-glass")
"""Routes whose values are judged by what there is: well-formed ones are refused too."""


load_all_checks()


def _operations() -> list[tuple[str, str]]:
    app = FastAPI()
    app.include_router(router)
    return [(path, method) for path, ways in openapi(app.routes)["paths"].items() for method in ways]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = a_place(tmp_path_factory.mktemp("rest"), answer_limit=1000)
    for number in range(5):
        ask(workspace, f"req-{number}", run_id=f"run-{number}")
    yield workspace
    workspace.close()


@pytest.fixture(scope="module")
def key(place: Workspace) -> str:
    return key_of(place, "bob")


# Threads that other tests left in this process draw from `random` too: no strategy here does.
@pytest.mark.covers("S5-74")
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize(("path", "method"), _operations())
def test_answers_are_as_described(place: Workspace, key: str, path: str, method: str) -> None:
    host = {"Host": "127.0.0.1:4300"}
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", create_app(place), headers=host)
    operation = schema[path][method]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(operation.as_strategy())
    def called(case: Any) -> None:
        excluded = [CHECKS.get_one("positive_data_acceptance")] if path.endswith(JUDGED) else []
        case.call_and_validate(excluded_checks=excluded, headers={"Authorization": f"Bearer {key}", **host})

    called()
