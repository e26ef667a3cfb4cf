"""Which files of a folder are read, and what is passed over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from govflow.services.find_files import find_files

FLOW = "from prefect import flow\n"


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(FLOW)


def test_what_others_wrote_is_passed_over_and_named(tmp_path: Path) -> None:
    put(
        tmp_path,
        "flows/a.py",
        ".hidden/b.py",
        "env/lib/c.py",
        "env/pyvenv.cfg",
        "node_modules/d.py",
        "x/site-packages/e.py",
        "__pycache__/f.py",
        "notes.txt",
    )
    (tmp_path / "plain.py").write_text("x = 1\n")
    found = find_files(tmp_path)
    assert [file.relative_to(tmp_path).as_posix() for file in found.files] == ["flows/a.py"]
    assert found.looked_at == 2
    assert {(path.relative_to(tmp_path).as_posix(), why) for path, why in found.passed_over} == {
        (".hidden", "hidden folder"),
        ("env", "virtual environment"),
        ("node_modules", "installed packages"),
        ("x/site-packages", "installed packages"),
    }


def test_links_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "repo/a.py", "outside/b.py")
    repo = tmp_path / "repo"
    (repo / "loop").symlink_to(repo)
    (repo / "out").symlink_to(tmp_path / "outside")
    (repo / "out.py").symlink_to(tmp_path / "outside" / "b.py")
    (repo / "self.py").symlink_to(repo / "self.py")
    (repo / "nowhere.py").symlink_to(repo / "gone.py")
    found = find_files(repo)
    assert found.files == [repo / "a.py"]
    assert {path.name for path, why in found.passed_over if why == "link"} == {
        "loop",
        "out",
        "out.py",
        "self.py",
        "nowhere.py",
    }


def test_a_folder_named_like_a_module_is_a_folder(tmp_path: Path) -> None:
    put(tmp_path, "x.py/inner.py")
    assert find_files(tmp_path).files == [tmp_path / "x.py" / "inner.py"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have no name here")
def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    found = find_files(tmp_path)
    assert (found.files, [why for _, why in found.passed_over]) == ([], ["no regular file"])


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no users here")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "closed/b.py")
    (tmp_path / "closed").chmod(0)
    try:
        found = find_files(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert tmp_path / "a.py" in found.files
    if os.geteuid():  # root reads everything
        assert [path for path, _ in found.unreadable] == [tmp_path / "closed"]
