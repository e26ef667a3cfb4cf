"""The pytest plugin, in sessions of its own: fixtures, snapshots, checks, and what it leaves alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import govflow
import govflow.testing.checks
from govflow.cli.app import main
from govflow.settings import Settings
from govflow.testing import PlanUnderTest, StepUnderTest
from tests.cli.conftest import FLOW, POLICY, files

pytest_plugins = ["pytester"]

ROOT = Path(govflow.__file__).parents[1]  # what is tested: this tree, or an installed wheel
TREE = Path(__file__).parents[2]
PLUGIN = "govflow.testing.plugin"
HEAVY = ("prefect", "networkx", "pydantic", "orjson", "yaml", "sqlalchemy", "structlog", "cyclopts", "rich")

EDITED = FLOW.replace("    purge(table, load(table))\n", "    purge(table, load(table))\n    purge('other', 3)\n")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with a flow, a policy and no plugin but ours and those that a test names."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"GOVFLOW_{name.upper()}", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("GOVFLOW_DATABASE_URL", f"sqlite:///{pytester.path}/gov/gov.db")
    monkeypatch.delenv("CI", raising=False)
    (pytester.path / "flows").mkdir()
    (pytester.path / "flows" / "etl.py").write_text(FLOW)
    (pytester.path / "policy.yaml").write_text(POLICY)
    (pytester.path / "pyproject.toml").write_text(
        '[tool.govflow]\npolicy = "policy.yaml"\nlock = "govflow.lock"\n'
        '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n'
    )
    (pytester.path / "tests").mkdir()
    return pytester


def write_test(project: pytest.Pytester, body: str, name: str = "test_etl.py") -> None:
    (project.path / "tests" / name).write_text(body)


def run(project: pytest.Pytester, *words: str) -> pytest.RunResult:
    """A session in this process: it finds what is imported above and below, which is most of its time."""
    return project.runpytest_inprocess("-p", PLUGIN, "-p", "no:cacheprovider", *words)


def run_process(project: pytest.Pytester, *words: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", PLUGIN, *words)


def lock(project: pytest.Pytester) -> None:
    assert main(["lock", str(project.path / "flows")]) == 0


def test_a_test_reads_the_plan_of_a_flow_without_running_it(project: pytest.Pytester) -> None:
    write_test(
        project,
        """
def test_plan(govflow_plan):
    plan = govflow_plan("flows/etl.py:nightly")
    assert repr(plan) == "<plan of flows/etl.py:nightly: 3 steps, tier 3, escalate>"
    assert [step.step_id for step in plan.steps] == ["nightly", "nightly/purge#1", "nightly/load#1"]
    purge = plan.step("purge")
    assert (purge.action, purge.provider, purge.resource) == ("data:delete", "duckdb", "dataset://acme/{table}")
    assert (purge.tier, purge.verdict, purge.multiplicity, purge.kind) == (3, "escalate", "one", "task")
    assert plan.step("nightly/load#1").name == "load"
    assert ("nightly/load#1", "nightly/purge#1") in {(edge.source, edge.target) for edge in plan.edges}
    assert plan == govflow_plan("flows/etl.py"), "the only flow of the file"
    assert "nightly/purge#1" in str(plan)
    plan.assert_tier_at_most(3)
    plan.assert_no("data:write")
    plan.assert_order("load", "purge")
    plan.assert_resolved()
""",
    )
    before = files(project.path)
    run(project).assert_outcomes(passed=1)
    after = files(project.path)
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if "__pycache__" not in name and name not in before]


def test_settings_and_paths_are_those_of_the_root_folder_wherever_pytest_is_started(project: pytest.Pytester) -> None:
    write_test(project, "def test_plan(govflow_plan):\n    assert govflow_plan('flows/etl.py').verdict == 'escalate'\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN, str(project.path / "tests")],
        cwd=project.path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("assertion", "said"),
    [
        (
            "plan.assert_tier_at_most(1)",
            [
                "*flows/etl.py:nightly has 1 step above tier 1:",
                "*nightly/purge#1  data:delete duckdb*",
                "*tier 3: data:delete is destructive",
            ],
        ),
        ("plan.assert_no('*:delete')", ["*has 1 step doing [*]:delete:", "*nightly/purge#1*(flows/etl.py:17)"]),
        ("plan.assert_no('data:delet')", ["*no registered action is 'data:delet'; did you mean 'data:delete'?"]),
        (
            "plan.assert_order('purge', 'load')",
            ["*has 1 step that nothing makes wait for 'purge':", "*nightly/load#1*"],
        ),
        ("plan.step('lod')", ["*has no step 'lod': did you mean 'load'? there are load, nightly, purge"]),
        ("govflow_plan('flows/etl.py:nigthly')", ["*there is no flow*nigthly*"]),
    ],
)
def test_a_wrong_plan_is_explained(project: pytest.Pytester, assertion: str, said: list[str]) -> None:
    write_test(
        project, f"def test_plan(govflow_plan):\n    plan = govflow_plan('flows/etl.py:nightly')\n    {assertion}\n"
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(said)
    result.stdout.no_fnmatch_line("*def assert_*")


def test_a_name_of_two_steps_is_not_guessed(project: pytest.Pytester) -> None:
    (project.path / "flows" / "etl.py").write_text(EDITED)
    write_test(project, "def test_plan(govflow_plan):\n    govflow_plan('flows/etl.py').step('purge')\n")
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*has 2 steps 'purge': name one of nightly/purge#1, nightly/purge#2*"])


def test_what_could_not_be_read_is_not_taken_for_harmless(project: pytest.Pytester) -> None:
    (project.path / "flows" / "etl.py").write_text(FLOW.replace("purge(table, load(table))", "globals()[table]()"))
    write_test(
        project,
        """
import pytest

def test_no(govflow_plan):
    govflow_plan('flows/etl.py').assert_no('data:delete')

def test_allowed(govflow_plan):
    govflow_plan('flows/etl.py').assert_no('data:delete', allow_unresolved=True)
""",
    )
    result = run(project)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*has 1 step that could not be read:"])


SNAPSHOT = (
    "def test_plan(govflow_plan, govflow_snapshot):\n    assert govflow_plan('flows/etl.py') == govflow_snapshot\n"
)


def kept(project: pytest.Pytester) -> list[str]:
    return sorted(path.relative_to(project.path).as_posix() for path in project.path.rglob("*.plan.json"))


def test_a_snapshot_is_written_only_when_it_is_asked_for(project: pytest.Pytester) -> None:
    write_test(project, SNAPSHOT)
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*flows/etl.py:nightly has no snapshot yet*", '*pytest --govflow-update -k "test_plan"']
    )
    assert kept(project) == []

    result = run(project, "--govflow-update")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["written: tests/__plans__/test_etl/test_plan.plan.json"])
    assert kept(project) == ["tests/__plans__/test_etl/test_plan.plan.json"]
    document = json.loads((project.path / kept(project)[0]).read_text())
    assert list(document["flows"]) == ["flows/etl.py:nightly"], "the form of a lock file"

    run(project).assert_outcomes(passed=1)
    result = run(project, "--govflow-update")
    result.stdout.no_fnmatch_line("written:*")


def test_a_snapshot_that_no_longer_holds_shows_the_difference_and_stays(project: pytest.Pytester) -> None:
    write_test(project, SNAPSHOT)
    run(project, "--govflow-update")
    (project.path / "flows" / "etl.py").write_text(EDITED)
    before = (project.path / kept(project)[0]).read_bytes()
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*flows/etl.py:nightly: changed (tier 3, verdict escalate)",
            "*+ nightly/purge#2  data:delete duckdb dataset://acme/*",
            "*nightly/purge#2: tier 3 (*",
            "*the plan that was kept: *test_plan.plan.json",
        ]
    )
    assert (project.path / kept(project)[0]).read_bytes() == before
    run(project, "--govflow-update").assert_outcomes(passed=1)
    run(project).assert_outcomes(passed=1)


def test_moved_lines_and_comments_leave_a_snapshot_alone(project: pytest.Pytester) -> None:
    write_test(project, SNAPSHOT)
    run(project, "--govflow-update")
    (project.path / "flows" / "etl.py").write_text("# a comment\n\n\n" + FLOW.replace("return 1", "return 1  # one"))
    run(project).assert_outcomes(passed=1)


def test_a_snapshot_without_code_holds_when_only_a_body_changes(project: pytest.Pytester) -> None:
    write_test(
        project,
        """
def test_whole(govflow_plan, govflow_snapshot):
    assert govflow_plan('flows/etl.py') == govflow_snapshot

def test_shape(govflow_plan, govflow_snapshot):
    assert govflow_plan('flows/etl.py') == govflow_snapshot(code=False)
""",
    )
    run(project, "--govflow-update").assert_outcomes(passed=2)
    (project.path / "flows" / "etl.py").write_text(FLOW.replace("return 1", "return 2"))
    result = run(project)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*~ nightly/load#1: code changed"])


def test_two_snapshots_of_a_test_have_two_files(project: pytest.Pytester) -> None:
    (project.path / "flows" / "weekly.py").write_text(FLOW.replace("nightly", "weekly"))
    body = """
import pytest

@pytest.mark.parametrize("name", ["a/b", "a b"])
def test_both(govflow_plan, govflow_snapshot, name):
    assert govflow_plan('flows/etl.py') == govflow_snapshot
    assert govflow_plan('flows/weekly.py') == govflow_snapshot%s
"""
    write_test(project, body % "")
    result = run(project, "--govflow-update")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*ValueError: one snapshot cannot hold flows/etl.py:nightly and flows/weekly.py:weekly*"]
    )
    write_test(project, body % "('weekly')")
    run(project, "--govflow-update").assert_outcomes(passed=2)
    assert len(kept(project)) == 4, "names that no file can have do not collide"
    run(project).assert_outcomes(passed=2)


def test_an_edited_snapshot_is_refused(project: pytest.Pytester) -> None:
    write_test(project, SNAPSHOT)
    run(project, "--govflow-update")
    path = project.path / kept(project)[0]
    path.write_text(path.read_text().replace('"data:delete"', '"data:read"'))
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*is not the hash of the plan beside it*"])


def test_checks_are_collected_one_for_each_flow(project: pytest.Pytester) -> None:
    (project.path / "flows" / "weekly.py").write_text(FLOW.replace("nightly", "weekly"))
    lock(project)
    write_test(project, "def test_other():\n    pass\n")
    result = run(project, "--govflow-check", "flows", "-v")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*collected 3 items", "govflow-check::flows/etl.py:nightly PASSED*"])
    run(project, "--govflow-check=flows", "-m", "govflow").assert_outcomes(passed=2, deselected=1)
    run(project, "--govflow-check=flows/weekly.py", "-k", "weekly").assert_outcomes(passed=1, deselected=1)
    run(project).assert_outcomes(passed=1)


def test_the_findings_of_a_check_are_failures(project: pytest.Pytester) -> None:
    lock(project)
    (project.path / "flows" / "etl.py").write_text(EDITED)
    (project.path / "flows" / "new.py").write_text(FLOW.replace("nightly", "weekly"))
    (project.path / "flows" / "broken.py").write_text("from prefect import flow\ndef (:\n")
    result = run(project, "--govflow-check", "--strict-markers")
    result.assert_outcomes(failed=3)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*GF303*",
            "*GF102 plan-drift*",
            "*+ nightly/purge#2  data:delete duckdb*",
            "*GF101 not-locked*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*def runtest*")


def test_a_check_that_cannot_be_made_is_an_error_and_no_pass(project: pytest.Pytester) -> None:
    (project.path / "policy.yaml").write_text("nonsense: [")
    write_test(project, "def test_other():\n    pass\n")
    result = run(project, "--govflow-check=flows")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*ERROR collecting govflow-check*", "error[[]*policy.yaml*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_it_works_on_several_processes(project: pytest.Pytester) -> None:
    lock(project)
    write_test(project, SNAPSHOT)
    result = run_process(project, "-p", "xdist", "-n", "2", "--govflow-check=flows", "--govflow-update")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["written: tests/__plans__/test_etl/test_plan.plan.json"])


def test_a_project_that_does_not_use_it_pays_nothing(project: pytest.Pytester) -> None:
    write_test(
        project,
        f"""
import sys

def test_imports():
    assert "{PLUGIN}" in sys.modules
    assert [name for name in {HEAVY!r} if name in sys.modules] == []
    assert sorted(name for name in sys.modules if name.startswith("govflow.")) == [
        "govflow.errors", "govflow.testing",
        "govflow.testing.plan", "govflow.testing.plugin", "govflow.testing.policy_cases", "govflow.testing.snapshot",
    ]
""",
    )
    result = run_process(project, "-W", "error", "--strict-config", "--strict-markers")
    result.assert_outcomes(passed=1)


def test_pytest_finds_it_by_its_entry_point(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert declared == {"govflow": PLUGIN}
    assert EntryPoint("govflow", declared["govflow"], "pytest11").load().__name__ == PLUGIN
    probe = project.path / "site" / "govflow_probe-0.dist-info"
    probe.mkdir(parents=True)
    (probe / "METADATA").write_text("Metadata-Version: 2.1\nName: govflow-probe\nVersion: 0\n")
    (probe / "entry_points.txt").write_text(f"[pytest11]\ngovflow = {declared['govflow']}\n")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{probe.parent}")
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    write_test(project, SNAPSHOT)
    project.runpytest_subprocess("--govflow-update").assert_outcomes(passed=1)
    write_test(project, "def test_other():\n    pass\n")
    project.runpytest_subprocess("-p", "no:govflow").assert_outcomes(passed=1)


def test_the_examples_of_the_page_do_what_it_says(project: pytest.Pytester) -> None:
    page = (TREE / "docs" / "testing.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    harmless = FLOW.replace("data:delete", "data:read").replace("purge", "store").replace("{table}", "orders")
    (project.path / "flows" / "etl.py").write_text(harmless)
    write_test(project, "\n\n".join(blocks))
    run(project, "--govflow-update").assert_outcomes(passed=2)
    (project.path / "flows" / "etl.py").write_text(harmless.replace("data:read", "data:delete"))
    run(project).assert_outcomes(failed=2)


def test_the_page_names_what_plans_and_steps_have() -> None:
    page = (TREE / "docs" / "testing.md").read_text()
    for subject in (PlanUnderTest, StepUnderTest):
        public = {name for name in dir(subject) if not name.startswith("_")}
        public -= {"name", "line", "folder", "step", "plan", "assessment", "judged", "workspace"}
        assert {name for name in public if f"`{name}" not in page} == set()


CASES = """
policy: ../policy.yaml
defaults: {action: data:read, resource: "dataset://acme/x"}
cases:
  - {name: low, request: {step.tier: 0}, expect: {effect: allow, rule: safe}}
  - {name: high, request: {step.tier: 3}, expect: {effect: require_approval, rule: risky}}
"""


def test_files_of_policy_cases_are_collected_and_each_case_is_a_test(project: pytest.Pytester) -> None:
    file = project.path / "tests" / "acme.policy-test.yaml"
    file.write_text(CASES)
    run(project).assert_outcomes(passed=2)
    run(project, "-m", "govflow", "-k", "high").assert_outcomes(passed=1, deselected=1)
    file.write_text(CASES.replace("rule: safe", "rule: risky"))
    result = run(project)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*acme.policy-test.yaml:5: low", "*rule: expected risky, got safe", "*why: safe: *"])
    file.write_text(CASES.replace("step.tier", "step.teir"))
    result = run(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*step.teir*", "*Did you mean 'step.tier'?*"])


def test_other_yaml_is_left_alone(project: pytest.Pytester) -> None:
    (project.path / "tests" / "acme.yaml").write_text("{")
    write_test(project, "def test_one():\n    pass\n")
    run(project).assert_outcomes(passed=1)


@pytest.mark.covers("S4-41")
def test_a_test_can_be_parametrised_by_cases(project: pytest.Pytester) -> None:
    (project.path / "tests" / "cases.yaml").write_text(CASES)
    body = """
import pytest
from pathlib import Path
from govflow.testing import decided, policy_cases

@policy_cases("cases.yaml")
def test_acme(case):
    case.check()

@policy_cases("cases.yaml", policy="other.yaml")
def test_other(case):
    case.check()

def test_one_request():
    asked = {"action": "data:read", "resource": "dataset://acme/x", "step": {"tier": 1}}
    decision = decided(Path(__file__).parents[1] / "policy.yaml", asked)
    assert decision.effect == "allow"
    assert decision.rule == "safe"
"""
    write_test(project, body)
    (project.path / "tests" / "other.yaml").write_text(POLICY.replace("{gte: 2}", "{gte: 4}"))
    result = run(project, "-v")
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["*test_acme?high?*PASSED*", "*test_other?high?*FAILED*", "*got default*"])


def test_the_policy_examples_of_the_page_pass(project: pytest.Pytester) -> None:
    page = (TREE / "docs" / "policy-tools.md").read_text().partition("## Testing a policy")[2]
    policy, cases = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[:2]
    (code,) = re.findall(r"```python\n(from govflow.testing.*?)```", page, re.DOTALL)
    (project.path / "acme.yaml").write_text(policy)
    (project.path / "acme.policy-test.yaml").write_text(cases)
    (project.path / "test_acme.py").write_text(code)
    run(project, ".").assert_outcomes(passed=5 + 5 + 1)
