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
from govflow.bundles import to_public_text
from govflow.services.check_database import check_database
from govflow.services.check_disk import check_spool, filesystem, sqlite_path
from govflow.services.doctor import SUPPORTED, check_engine, check_policy, check_python, check_signature
from govflow.services.health import Finding, Health
from govflow.services.manage_people import add_principal
from govflow.services.seal_log import seal
from govflow.settings import Settings
from tests.bundles.signed import CAROL, a_bundle
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
    found = list(check_engine(versions(prefect=prefect, fastapi=fastapi, sqlalchemy="2.0.44")))
    assert {finding.health for finding in found} == {Health.OK}


@pytest.mark.parametrize("fastapi", ["0.151.0", "0.155.1", "1.0"])
def test_a_fastapi_that_the_server_cannot_start_with_fails(fastapi: str) -> None:
    """What a plain install of Prefect gives today."""
    found = list(check_engine(versions(prefect="3.8.8", fastapi=fastapi, sqlalchemy="2.0.44")))
    assert health(found) == {"prefect": Health.OK, "fastapi": Health.FAIL, "sqlalchemy": Health.OK}
    assert "cannot start with it" in found[1].what
    assert "'fastapi>=0.139,<0.151'" in found[1].mend


def test_an_sqlalchemy_with_which_no_schedule_runs_is_warned_of() -> None:
    found = list(check_engine(versions(prefect="3.8.8", fastapi="0.150", sqlalchemy="2.1.9")))
    assert health(found) == {"prefect": Health.OK, "fastapi": Health.OK, "sqlalchemy": Health.WARN}
    assert "schedules no run" in found[2].what and "'sqlalchemy>=2.0,<2.1'" in found[2].mend


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


def test_records_that_nobody_signed_for_a_day_are_warned_of(tmp_path: Path) -> None:
    opened = workspace(database_url=f"sqlite:///{tmp_path}/gov.db", signing_key=tmp_path / "keys" / "signing.pem")
    opened.store.append(Draft("run.opened", "default", NOON), durable=True)
    assert "checkpoint" not in health(check_database(opened.settings, opened, NOON + timedelta(hours=23)))
    found = check_database(opened.settings, opened, NOON + timedelta(hours=25))
    assert health(found)["checkpoint"] is Health.WARN
    assert "1 record(s) of the audit log, from 2026-03-01 12:00 UTC on, are not sealed" in found[-1].what
    seal(opened, NOON + timedelta(hours=26))
    later = check_database(opened.settings, opened, NOON + timedelta(days=9))
    assert "checkpoint" not in health(later)


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


@pytest.mark.parametrize(
    ("left", "state", "says"),
    [(None, Health.OK, "carol"), (timedelta(days=30), Health.OK, "nothing runs"), (timedelta(days=3), Health.WARN, "")],
)
def test_who_signed_the_policy_and_until_when_is_told(
    tmp_path: Path, left: timedelta | None, state: Health, says: str
) -> None:
    now = datetime.now(UTC)
    (tmp_path / "keys.json").write_text(to_public_text([CAROL.public]))
    (tmp_path / "p.bundle.json").write_text(a_bundle(expires_at=None if left is None else now + left))
    settings = Settings(policy=tmp_path / "p.bundle.json", policy_keys=tmp_path / "keys.json")
    opened, _ = check_policy(settings)
    assert opened is not None
    (found,) = check_signature(opened, now)
    assert (found.name, found.health) == ("signature", state)
    assert says in found.what
    assert bool(found.mend) is (state is Health.WARN)


def test_a_policy_that_need_not_be_signed_has_no_signature_to_look_at() -> None:
    opened, _ = check_policy(Settings(mode="enforce"))
    assert opened is not None
    assert check_signature(opened, datetime.now(UTC)) == []


def test_an_approval_rule_that_nobody_can_meet_is_named(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(
        "version: 1\npolicy: {name: p}\nprincipals: {bob: {roles: [owner]}}\n"
        'approvals: {pair: {required: 2, approvers: ["role:owner"]}}\n'
    )
    settings = Settings(policy=tmp_path / "policy.yaml", database_url=f"sqlite:///{tmp_path}/gov.db")
    at = workspace(policy=settings.policy, database_url=settings.database_url)
    assert at.store is not None
    [found] = [one for one in check_database(settings, at, NOON) if one.name == "approvers"]
    assert (found.health, "'pair' needs 2" in found.what) == (Health.WARN, True)
    add_principal(at, "dora", "root", NOON, roles=["owner"])
    assert not [one for one in check_database(settings, at, NOON) if one.name == "approvers"]
