"""What is handed out: the wheel holds the whole package and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "govflow").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in wheel.namelist() if name.startswith("govflow/")} == package
    assert "govflow/py.typed" in package
    assert any(name.endswith((".yaml", ".yml", ".toml")) for name in package)
    assert any("/migrations/versions/" in name for name in package)


def test_the_wheel_holds_nothing_beside_the_package(wheel: zipfile.ZipFile) -> None:
    top = {name.partition("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"govflow"}


def test_the_wheel_carries_its_licence_and_entry_points(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))
    (licence,) = (name for name in wheel.namelist() if name.endswith("/licenses/LICENSE"))
    declared = wheel.read(entry_points).decode()
    assert "govflow = govflow.cli.app:main" in declared
    assert "[pytest11]\ngovflow = govflow.testing.plugin" in declared
    assert wheel.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_prefect_is_asked_for_only_by_the_extra(wheel: zipfile.ZipFile) -> None:
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    required = BytesParser().parsebytes(wheel.read(metadata)).get_all("Requires-Dist", [])
    assert required
    assert all("extra ==" in line for line in required if line.startswith(("prefect", "fastapi", "duckdb")))
    assert not [line for line in required if "://" in line]
