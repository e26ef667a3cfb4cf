"""Stores to test with, and the things that are put into them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from govflow.approval.models import ApprovalRequest, ApprovalRule, Binding
from govflow.audit.record import Draft
from govflow.ir.models import Tier
from govflow.store import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def digest(letter: str) -> str:
    """A digest that tells itself from others."""
    return "sha256:" + letter * 64


def a_draft(event: str = "step.intent", tenant: str = "acme", **more: Any) -> Draft:
    """A record that could be."""
    return Draft(event, tenant, more.pop("at", NOW), **more)


def a_binding(**changed: Any) -> Binding:
    """What is approved in these tests."""
    fields = {
        "tenant": "acme",
        "flow": "flights",
        "run_id": "run-1",
        "step_id": "flights/delete#0",
        "ir_hash": digest("a"),
        "policy_digest": digest("b"),
        "parameters_digest": digest("c"),
    }
    return Binding(**{**fields, **changed})


def a_request(request_id: str = "req-1", *, required: int = 1, **changed: Any) -> ApprovalRequest:
    """A request by ``rita``, open for an hour."""
    return ApprovalRequest(
        request_id=request_id,
        binding=changed.pop("binding", a_binding()),
        rule=ApprovalRule(name="two-eyes", required=required),
        requester="rita",
        tier=Tier.HIGH,
        policy_rule="bulk-delete",
        reason="deletes more than 100 records",
        created_at=NOW,
        expires_at=changed.pop("expires_at", NOW + timedelta(hours=1)),
        **changed,
    )


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated database: migrating one for each test would cost more than the tests."""
    path = tmp_path_factory.mktemp("template") / "govflow.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def url(template: Path, tmp_path: Path) -> str:
    """The URL of a database of this test's own."""
    path = tmp_path / "govflow.db"
    path.write_bytes(template.read_bytes())
    path.chmod(0o600)
    return f"sqlite:///{path}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An open store on disk."""
    with Store.open(url) as opened:
        yield opened


@pytest.fixture
def raw(url: str) -> Iterator[sqlite3.Connection]:
    """The database as someone with a copy of sqlite3 sees it."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    yield connection
    connection.close()


@pytest.fixture
def forked() -> Callable[[Callable[[], None]], int]:
    """Run a function in a forked child; its process id. The child never returns into pytest."""

    def fork(work: Callable[[], None]) -> int:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work()
                code = 0
            finally:
                os._exit(code)
        return child

    return fork
