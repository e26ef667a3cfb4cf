"""Literals that a plan would carry into lock file and database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from govflow.ir.models import FlowParameter
from govflow.services.check_plans import check_plans
from govflow.services.literal_secrets import secrets_of_flow, secrets_of_step
from tests.services.material import plan, step, workspace

SOURCE = """
from govflow.prefect import flow, task


@task(action="data:read", provider="postgres", resource="postgres://app:{word}@db/sales")
def load(password: str, region: str) -> int:
    return 1


@flow
def nightly(api_key: str = "{word}") -> None:
    load(password="{word}", region="eu")
"""
CANARY = "gnomon-7f"


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("password", "hunter2", True),
        ("apiKey", "hunter2", True),
        ("options", {"auth": {"client_secret": "hunter2"}}, True),
        ("credentials", {"value": ["hunter2"]}, True),
        ("dsn", "postgres://app:hunter2@db/sales", True),
        ("dsn", "postgres://app@db/sales", False),
        ("header", "Authorization: Bearer abcdef123456", True),
        ("note", "gfa_0123456789abcdef", True),
        ("password", "", False),
        ("password", None, False),
        ("max_tokens", 512, False),
        ("use_token", True, False),
        ("secret_name", "warehouse-login", False),
        ("token_url", "https://idp.example.org/token", False),
        ("token_url", "https://app:hunter2@idp.example.org/token", True),
        ("table", "sales", False),
    ],
)
def test_a_literal_secret_is_known_by_name_or_form(name: str, value: Any, found: bool) -> None:
    assert secrets_of_step(step("load#1", constants={name: value})) == ([name] if found else [])


@pytest.mark.parametrize(
    ("name", "default", "found"),
    [
        ("password", "'hunter2'", True),
        ("password", "os.environ['PASSWORD']", False),
        ("password", "''", False),
        ("password", None, False),
        ("dsn", "'postgres://app:hunter2@db/sales'", True),
        ("region", "'eu'", False),
    ],
)
def test_a_default_is_looked_at_too(name: str, default: str | None, found: bool) -> None:
    made = plan().model_copy(update={"parameters": (FlowParameter(name=name, default=default),)})
    assert secrets_of_flow(made) == ([name] if found else [])


def test_a_password_written_into_a_call_is_found_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etl.py").write_text(SOURCE.replace("{word}", CANARY))
    report = check_plans(workspace(lock=tmp_path / "govflow.lock"), ["etl.py"])
    found = [finding for finding in report.findings if finding.code == "GF304"]
    assert [(str(one.level), one.step_id, one.file, one.line) for one in found] == [
        ("warning", None, "etl.py", None),
        ("warning", "nightly/load#1", "etl.py", 12),
        ("warning", "nightly/load#1", "etl.py", 12),
    ]
    assert [one.message.split(" seems")[0] for one in found] == [
        "The default of parameter 'api_key'",
        "'password'",
        "'resource'",
    ]
    assert CANARY not in "".join(one.message + one.mend for one in found)
