"""The two sides of a comparison, and flows that stand under another name on the other one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from govflow.errors import LockError, SourceError
from govflow.ir.models import Plan, StepKind
from govflow.services.diff_plans import Side, diff_sides
from govflow.services.match_flows import match_flows
from govflow.services.plan_flows import FlowPlan, Reading
from govflow.services.sides import side_of_tree
from govflow.sources.revision import Revision, merge_base, top_of
from tests.services.material import plan, step, workspace


def named(flow: str, *steps: str, resource: str = "dataset://acme/sales") -> Plan:
    """A plan whose steps are told apart by their action."""
    body = step(flow, kind=StepKind.BODY, resource=f"flow://x/{flow}", callee=flow)
    made = [step(f"{flow}/{name}#1", callee=name, resource=f"{resource}/{name}") for name in steps]
    return Plan(flow=flow, file="etl.py", function=flow, steps=(body, *made))


def test_a_flow_of_a_moved_file_is_found_by_its_plan() -> None:
    one = named("etl", "a", "b")
    assert match_flows({"x.py:etl": one}, {"y.py:etl": one}) == {"y.py:etl": "x.py:etl"}


def test_a_renamed_flow_is_found_by_half_of_its_steps() -> None:
    before = {"x.py:etl": named("etl", "a", "b", "c")}
    assert match_flows(before, {"x.py:new": named("new", "a", "b", "z")}) == {"x.py:new": "x.py:etl"}
    assert match_flows(before, {"x.py:new": named("new", "x", "y", "z")}) == {}


def test_flows_that_both_sides_have_are_never_renamed() -> None:
    one = named("etl", "a", "b")
    assert match_flows({"x.py:etl": one}, {"x.py:etl": named("etl", "q"), "y.py:etl": one}) == {}


def test_each_flow_is_taken_once_and_the_closest_first() -> None:
    before = {"a.py:f": named("f", "1", "2", "3", "4"), "b.py:f": named("f", "1", "2", "8", "9")}
    after = {"c.py:f": named("f", "1", "2", "3", "5"), "d.py:f": named("f", "1", "2", "8", "7")}
    assert match_flows(before, after) == {"c.py:f": "a.py:f", "d.py:f": "b.py:f"}


def test_many_moved_flows_are_matched_in_linear_time() -> None:
    before = {f"a/{n}.py:f": named("f", f"own{n}", "shared") for n in range(600)}
    after = {f"b/{n}.py:f": named("f", f"own{n}", "shared", "more") for n in range(600)}
    assert match_flows(before, after) == {f"b/{n}.py:f": f"a/{n}.py:f" for n in range(600)}


def test_a_plan_that_has_no_hash_is_a_finding() -> None:
    bad = plan().model_copy(update={"steps": (*plan().steps, step("load#1"))})
    side = side_of_tree(Reading((), (FlowPlan("x.py:etl", bad), FlowPlan("y.py:etl", plan()))))
    assert list(side.plans) == ["y.py:etl"]
    (found,) = side.unread
    assert (found.code, found.flow) == ("GF303", "x.py:etl")
    assert "two steps share the id" in found.message


def test_a_flow_is_not_gone_when_its_file_could_not_be_read() -> None:
    unread = side_of_tree(
        Reading((), (FlowPlan("x.py:etl", plan().model_copy(update={"steps": (step("a"), step("a"))})),))
    )
    found = diff_sides(workspace(), Side({"x.py:etl": plan()}), unread)
    assert found.flows == ()
    assert [one.flow for one in found.unread] == ["x.py:etl"]


def git(repo: Path, *words: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=repo, check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "sub" / "pyproject.toml").write_text("")
    (tmp_path / "sub" / "deep" / "é f.py").write_text("x = 1\n")
    (tmp_path / "link.py").symlink_to("sub/deep/é f.py")
    (tmp_path / "top.py").write_text("y = 2\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def test_a_revision_lists_plain_files_and_finds_their_root(repo: Path) -> None:
    with Revision(top_of(repo / "sub"), "HEAD") as commit:
        assert commit.files == {"sub/pyproject.toml", "sub/deep/é f.py", "top.py"}
        assert commit.root_of("sub/deep/é f.py") == "sub"
        assert commit.root_of("top.py") == ""
        assert commit.subtree("sub").read("deep/é f.py") == "x = 1\n"
        assert commit.read("link.py") is None


def test_a_revision_is_what_was_committed(repo: Path) -> None:
    (repo / "top.py").write_text("changed")
    (repo / "new.py").write_text("new")
    with Revision(repo, "HEAD") as commit:
        assert commit.read("top.py") == "y = 2\n"
        assert commit.read("new.py") is None


def test_histories_without_a_common_commit_say_what_to_fetch(repo: Path) -> None:
    git(repo, "checkout", "-q", "--orphan", "alone")
    git(repo, "commit", "-qm", "another beginning")
    with pytest.raises(SourceError, match="no commit in common") as caught:
        merge_base(repo, "main", "alone")
    assert "fetch-depth: 0" in caught.value.mend


@pytest.mark.parametrize(
    "text", ["", "[]", '{"flows": [{}]}', '{"flows": [{"name": "a:b", "plan_hash": "x", "plan": {}}]}']
)
def test_what_is_no_plan_file_is_refused(tmp_path: Path, text: str) -> None:
    from govflow.services.plan_files import read_plan_file

    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(LockError, match=r"plan\.json"):
        read_plan_file(tmp_path / "plan.json")
