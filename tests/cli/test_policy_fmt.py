"""`govflow policy fmt`."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from govflow.services.read_policy import read_policy
from tests.cli.conftest import Run

UNTIDY = (
    "policy:\n   rules:\n   - {effect: allow, name: reads}  # look\n   name: mine\nversion: 1\nimports: [more.yaml]\n"
)
TIDY = "version: 1\nimports: [more.yaml]\npolicy:\n  name: mine\n  rules:\n    - {name: reads, effect: allow}  # look\n"
MORE = "version: 1\npolicy: {name: more}\n"


@pytest.fixture
def place(repo: Path) -> Path:
    (repo / "policy.yaml").write_text(UNTIDY)
    (repo / "more.yaml").write_text(MORE)
    return repo


def test_a_file_is_written_in_the_layout_and_keeps_digest_and_mode(place: Path, run: Run) -> None:
    file = place / "policy.yaml"
    file.chmod(0o640)
    before = read_policy(file).digest
    told = run("policy", "fmt", "policy.yaml")
    assert (told.code, told.out) == (0, "policy.yaml: formatted\n")
    assert file.read_text() == TIDY
    assert read_policy(file).digest == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    again = run("policy", "fmt", "policy.yaml")
    assert (again.code, again.out) == (0, "")


def test_check_and_diff_write_nothing(place: Path, run: Run) -> None:
    told = run("policy", "fmt", "--check", "--diff", "policy.yaml", "more.yaml")
    assert told.code == 1
    assert "-   rules:\n" in told.out and "+  rules:\n" in told.out and "policy.yaml: not formatted" in told.out
    assert "more.yaml: not" not in told.out
    assert run("policy", "fmt", "--diff", "policy.yaml").code == 0
    assert run("policy", "fmt", "--check", "more.yaml").code == 0
    assert (place / "policy.yaml").read_text() == UNTIDY


def test_without_files_it_is_the_configured_policy_with_its_imports(
    place: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVFLOW_POLICY", "policy.yaml")
    (place / "more.yaml").write_text("policy: {name: more}\nversion: 1\n")
    assert run("policy", "fmt").out == "policy.yaml: formatted\nmore.yaml: formatted\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("broken.yaml", "version: 1\npolicy: {nam: x}\n"),
        ("p.toml", 'version = 1\npolicy = {name = "p"}\n'),
        ("anchors.yaml", "policy: {name: &n p, description: *n}\nversion: 1\n"),
        ("lost.yaml", "policy: {name: p}\nversion: 1\nimports: [gone.yaml]\n"),
    ],
)
def test_what_cannot_be_read_is_left_alone(place: Path, run: Run, name: str, text: str) -> None:
    (place / name).write_text(text)
    told = run("policy", "fmt", name, "policy.yaml")
    assert told.code == 2 and "mend:" in told.err
    assert (place / name).read_text() == text
    assert (place / "policy.yaml").read_text() == TIDY, "the others are formatted all the same"


def test_a_link_stays_a_link(place: Path, run: Run) -> None:
    (place / "link.yaml").symlink_to("policy.yaml")
    assert run("policy", "fmt", "link.yaml").code == 0
    assert (place / "link.yaml").is_symlink()
    assert (place / "policy.yaml").read_text() == TIDY
