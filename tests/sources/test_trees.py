"""Trees read what is inside them, and nothing else."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from govflow.errors import SourceError
from govflow.planning.planner import plan_flow
from govflow.sources import GitTree, LoadedModules, WorkingTree, find_root

FLOW = "from prefect import flow, task\n@task\ndef t(): ...\n@flow\ndef main():\n    t()\n"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "flows").mkdir(parents=True)
    (root / "flows" / "etl.py").write_text(FLOW)
    (tmp_path / "secret.py").write_text("PASSWORD = 'x'\n")
    return root


def git(root: Path, *command: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(root), *identity, *command], check=True, capture_output=True)


def test_a_file_is_read_and_a_missing_one_is_none(repo: Path) -> None:
    tree = WorkingTree(repo)
    assert tree.read("flows/etl.py") == FLOW
    assert tree.read("flows/none.py") is None
    assert tree.read("flows/etl.py/x.py") is None
    assert tree.read("flows") is None


@pytest.mark.parametrize("path", ["../secret.py", "flows/../../secret.py", "{outside}/secret.py", "a\0b"])
def test_a_path_out_of_the_tree_is_refused(repo: Path, path: str) -> None:
    with pytest.raises(SourceError, match="outside the tree"):
        WorkingTree(repo).read(path.format(outside=repo.parent))


def test_a_symlink_out_of_the_tree_is_refused(repo: Path) -> None:
    (repo / "link.py").symlink_to(repo.parent / "secret.py")
    (repo / "up").symlink_to(repo.parent)
    (repo / "inside.py").symlink_to(repo / "flows" / "etl.py")
    tree = WorkingTree(repo)
    for path in ("link.py", "up/secret.py"):
        with pytest.raises(SourceError, match="outside the tree"):
            tree.read(path)
    assert tree.read("inside.py") == FLOW


def test_a_loop_of_symlinks_is_an_error_and_no_crash(repo: Path) -> None:
    (repo / "loop.py").symlink_to(repo / "loop.py")
    with pytest.raises(SourceError, match=r"loop\.py cannot be read"):
        WorkingTree(repo).read("loop.py")


def test_encodings_and_line_ends(repo: Path) -> None:
    (repo / "latin.py").write_bytes("# -*- coding: latin-1 -*-\r\nx = 'é'\r\n".encode("latin-1"))
    (repo / "mark.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    (repo / "bad.py").write_bytes(b"x = '\xff'\n")
    (repo / "odd.py").write_bytes(b"# coding: no-such-code\n")
    tree = WorkingTree(repo)
    assert tree.read("latin.py") == "# -*- coding: latin-1 -*-\nx = 'é'\n"
    assert tree.read("mark.py") == "x = 1\n"
    for path in ("bad.py", "odd.py"):
        with pytest.raises(SourceError, match=f"^{path}: cannot be decoded"):
            tree.read(path)


@pytest.mark.parametrize("mark", ["govflow.lock", "prefect.yaml", "pyproject.toml", ".git"])
def test_the_root_is_the_nearest_marked_folder(repo: Path, mark: str) -> None:
    assert find_root(repo / "flows" / "etl.py") == repo / "flows"
    (repo / mark).touch()
    assert find_root(repo / "flows" / "etl.py") == repo
    assert find_root(repo / "flows" / "not-there.py") == repo


def test_a_git_revision_is_read_without_a_checkout(repo: Path) -> None:
    git(repo, "init", "-q")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "first")
    (repo / "flows" / "etl.py").write_text("changed = 1\n")
    (repo / "new.py").write_text("x = 1\n")
    with GitTree(repo, "HEAD") as tree:
        assert tree.read("flows/etl.py") == FLOW
        assert tree.read("new.py") is None
        assert tree.read("flows") is None
        assert tree.read("a name with spaces.py") is None
        assert plan_flow(tree, "flows/etl.py").plan.function == "main"
        assert len(tree.commit) == 40
    assert (repo / "flows" / "etl.py").read_text() == "changed = 1\n"


@pytest.mark.parametrize("revision", ["no-such", "--help", "HEAD:flows"])
def test_a_revision_that_is_not_there_is_named(repo: Path, revision: str) -> None:
    git(repo, "init", "-q")
    git(repo, "commit", "-q", "--allow-empty", "-m", "first")
    with pytest.raises(SourceError, match="no git revision"):
        GitTree(repo, revision)


def test_a_git_path_cannot_leave_the_commit(repo: Path) -> None:
    git(repo, "init", "-q")
    git(repo, "commit", "-q", "--allow-empty", "-m", "first")
    with GitTree(repo, "HEAD") as tree:
        for path in ("a\nb", "/etc/passwd", "../x"):
            with pytest.raises(SourceError, match="outside the tree"):
                tree.read(path)


def test_loaded_modules_are_all_that_is_seen(repo: Path) -> None:
    (repo / "here.py").write_text("x = 1\n")
    spec = importlib.util.spec_from_file_location("here_for_a_test", repo / "here.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    tree = LoadedModules(repo, {**sys.modules, "here_for_a_test": module})
    assert tree.read("here.py") == "x = 1\n"
    assert tree.read("flows/etl.py") is None


def test_a_query_beside_loaded_modules_is_read_as_it_is(repo: Path) -> None:
    (repo / "q.sql").write_text("select 1")
    assert LoadedModules(repo, {}).read("q.sql") == "select 1"


def test_a_file_too_large_to_be_source_is_refused_unread(repo: Path) -> None:
    with (repo / "data.csv").open("wb") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(SourceError, match="larger than"):
        WorkingTree(repo).read("data.csv")
