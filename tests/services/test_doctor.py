"""Each check of the doctor, on what it is there to find."""

from __future__ import annotations

import sqlite3
import tomllib
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govflow.audit.record import Draft
from govflow.services.doctor import (
    SUPPORTED,
    Finding,
    Health,
    check_database,
    check_engine,
    check_policy,
    check_python,
    check_spool,
    filesystem,
    sqlite_path,
)
from govflow.settings import Settings
from tests.services.material import NOON, workspace


def versions(**known: str) -> Callable[[str], str | None]:
    return known.get


def health(findings: list[Finding]) -> dict[str, Health]:
    return {finding.name: finding.health for finding in findings}


def test_an_old_python_fails() -> None:
    assert check_python((3, 10, 12)).health is Health.FAIL
    assert check_python((3, 11, 0)).health is Health.OK
    assert check_python((3, 13, 1)).health is Health.OK


@pytest.mark.parametrize("prefect", ["3.8.8", "3.8.12", "3.9.1"])
@pytest.mark.parametrize("fastapi", ["0.139.0", "0.150.3"])
def test_a_pair_that_starts_together_is_healthy(prefect: str, fastapi: str) -> None:
    found = list(check_engine(versions(prefect=prefect, fastapi=fastapi)))
    assert {finding.health for finding in found} == {Health.OK}


@pytest.mark.parametrize("fastapi", ["0.151.0", "0.155.1", "1.0"])
def test_a_fastapi_that_the_server_cannot_start_with_fails(fastapi: str) -> None:
    """What a plain install of Prefect gives today."""
    found = list(check_engine(versions(prefect="3.8.8", fastapi=fastapi)))
    assert health(found) == {"prefect": Health.OK, "fastapi": Health.FAIL}
    assert "cannot start with it" in found[1].what
    assert "'fastapi>=0.139,<0.151'" in found[1].mend


@pytest.mark.parametrize("prefect", ["2.20.1", "3.8.7", "3.10.0", "4.0"])
def test_a_prefect_that_was_not_tested_fails(prefect: str) -> None:
    assert health(list(check_engine(versions(prefect=prefect, fastapi="0.150"))))["prefect"] is Health.FAIL


def test_without_prefect_half_of_govflow_works() -> None:
    (found,) = check_engine(versions())
    assert found.health is Health.WARN
    assert "plan, lock, diff, check" in found.what


def test_the_versions_are_those_that_the_package_declares() -> None:
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    pair = declared["project"]["optional-dependencies"]["prefect"]
    assert pair == [f"{name}>={low},<{high}" for name, (low, high) in SUPPORTED.items()]


def test_a_policy_that_does_not_load_fails(tmp_path: Path) -> None:
    opened, found = check_policy(Settings(policy=tmp_path / "policy.yaml"))
    assert opened is None
    assert found.health is Health.FAIL
    assert "there is no such policy file" in found.what


def test_a_database_that_is_not_there_yet_is_fine_and_is_not_made(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/a/gov.db")
    found = check_database(settings, workspace(database_url=settings.database_url), NOON)
    assert health(found) == {"database": Health.OK, "clock": Health.OK}
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_fails(tmp_path: Path) -> None:
    (tmp_path / "gov.db").write_text("text " * 1000)
    opened = workspace(database_url=f"sqlite:///{tmp_path}/gov.db")
    found = check_database(opened.settings, opened, NOON)
    assert health(found)["database"] is Health.FAIL
    assert found[0].mend


def test_a_database_of_a_newer_govflow_fails(tmp_path: Path) -> None:
    opened = workspace(database_url=f"sqlite:///{tmp_path}/gov.db")
    opened.store.flush()
    opened.close()
    with closing(sqlite3.connect(tmp_path / "gov.db")) as connection:
        connection.execute("UPDATE govflow_alembic_version SET version_num = '9999'")
        connection.commit()
    found = check_database(opened.settings, opened, NOON)
    assert health(found)["database"] is Health.FAIL
    assert "9999" in found[0].what
    assert "newer" in found[0].mend


def test_a_log_from_the_future_means_a_wrong_clock(tmp_path: Path) -> None:
    opened = workspace(database_url=f"sqlite:///{tmp_path}/gov.db")
    opened.store.append(Draft("run.opened", "default", NOON), durable=True)
    assert health(check_database(opened.settings, opened, NOON))["clock"] is Health.OK
    found = check_database(opened.settings, opened, NOON - timedelta(hours=1))
    assert health(found) == {"database": Health.OK, "clock": Health.FAIL}
    assert "2026-03-01 12:00:00" in found[1].what


def test_a_clock_that_was_never_set_fails(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/gov.db")
    found = check_database(settings, None, datetime(1970, 1, 1, tzinfo=UTC))
    assert health(found)["clock"] is Health.FAIL


def test_a_spool_that_may_die_with_its_container_is_warned_of(tmp_path: Path) -> None:
    mounts = f"overlay / overlay rw 0 0\ntmpfs {tmp_path} tmpfs rw 0 0\n/dev/sda1 {tmp_path}/disk ext4 rw 0 0\n"
    (tmp_path / "disk").mkdir()
    assert filesystem(tmp_path, mounts) == "tmpfs"
    assert filesystem(tmp_path / "disk", mounts) == "ext4"
    assert filesystem(Path("/"), mounts) == "overlay"
    assert filesystem(Path("/"), "") is None


def test_a_direct_spool_needs_no_folder() -> None:
    assert check_spool(Settings(spool="direct", database_url="sqlite:////nowhere/gov.db")).health is Health.OK


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////a/b.db", Path("/a/b.db")),
        ("sqlite:///b.db?x=1", Path("b.db")),
        ("sqlite:///:memory:", None),
        ("sqlite://", None),
        ("postgresql://h/d", None),
    ],
)
def test_the_file_of_a_url(url: str, path: Path | None) -> None:
    assert sqlite_path(url) == path
