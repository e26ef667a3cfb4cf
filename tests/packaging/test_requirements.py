"""The lock pins every package by digest, and names no place to fetch it from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lock() -> str:
    return (ROOT / "requirements.lock").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def distribution(requirement: str) -> str:
    """The normalised name in a requirement (PEP 503)."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def pins(lock: str) -> dict[str, str]:
    """Package to the text that pins it."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)
    return {distribution(block): block for block in blocks if block.strip() and not block.startswith("#")}


def test_the_lock_holds_no_address(lock: str) -> None:
    assert "://" not in lock
    assert "--index-url" not in lock
    assert "--find-links" not in lock


def test_every_pin_has_a_version_and_a_digest(lock: str) -> None:
    unpinned = [name for name, text in pins(lock).items() if "==" not in text or "--hash=sha256:" not in text]
    assert len(pins(lock)) > 50
    assert not unpinned


def test_the_lock_has_what_the_project_asks_for(lock: str, project: dict[str, Any]) -> None:
    asked = list(project["project"]["dependencies"])
    for extra in project["project"]["optional-dependencies"].values():
        asked += extra
    for name, group in project["dependency-groups"].items():
        if name != "bench":  # what we compare with is installed by whoever compares
            asked += [entry for entry in group if isinstance(entry, str)]
    missing = {distribution(requirement) for requirement in asked} - pins(lock).keys() - {"govflow"}
    assert not missing, "see CONTRIBUTING.md, Dependencies"


def test_the_build_back_end_is_locked(lock: str, project: dict[str, Any]) -> None:
    built_with = {distribution(requirement) for requirement in project["build-system"]["requires"]}
    assert built_with <= pins(lock).keys(), "the build runs without isolation"
