"""A Prefect server for an example alone: its pages show all deployments and automations that there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prefect_server import a_server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[str]:
    """Its API URL."""
    (tmp_path / "prefect-server").mkdir()
    with a_server(tmp_path / "prefect-server") as url:
        yield url
