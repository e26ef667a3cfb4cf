"""Stages to run on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from govflow.services.workspace import open_workspace
from govflow.settings import Settings
from govflow.store import Store
from tests.governor.stage import POLICY, People, Stage

Staged = Callable[..., Stage]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated database: migrating one for each test would cost more than the tests."""
    path = tmp_path_factory.mktemp("template") / "govflow.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def staged(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Staged]:
    """Makes stages: each a process of its own, all on one database unless another is named.

    They enforce, because they have a policy. Without one (``None``) it is the starter policy, and ``mode`` is needed.
    """
    monkeypatch.chdir(tmp_path)  # no settings but those that are given
    empty = template.read_bytes()
    with ExitStack() as closing:

        def stage(
            policy: str | None = POLICY, *, executor: str = "executor-1", database: str = "govflow", **settings: Any
        ) -> Stage:
            file = tmp_path / f"{database}.db"
            if not file.exists():
                file.write_bytes(empty)
            path = None
            if policy is not None:
                path = tmp_path / "policy.yaml"
                if not path.exists() or path.read_text() != policy:  # another thread may be reading it
                    path.write_text(policy)
            given: dict[str, Any] = {"database_url": f"sqlite:///{file}", "tenant": "acme"}
            workspace = open_workspace(Settings(**(given | {"policy": path, "environment": "development"} | settings)))
            closing.callback(workspace.close)
            return Stage(workspace, People(workspace, executor))

        yield stage


@pytest.fixture
def stage(staged: Staged) -> Stage:
    """The one stage of most tests."""
    return staged()
