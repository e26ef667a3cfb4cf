"""The same flow reached another way: through a link, by an interpreter with other switches, as a pickled function."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import govflow
from tests.prefect.conftest import Home

DENY = """\
version: 1
policy:
  name: test
  rules:
    - {name: no-deletes, effect: deny, actions: ["data:delete"]}
    - {name: allow-the-rest, effect: allow, actions: ["*"]}
"""
FLOW = """
from pathlib import Path
from govflow.prefect import flow, task

@task(action="data:delete", resource="table://rows")
def purge(marker):
    Path(marker).write_text("ran")

@task
def harmless(marker):
    Path(marker).write_text("ran")

@flow
def f(risky: bool = False):
    purge("purged") if risky else harmless("done")

if __name__ == "__main__":
    import sys
    f(risky=len(sys.argv) > 1)
"""


@pytest.fixture
def project(home: Home) -> Home:
    home.configure(policy=DENY, mode="enforce")
    (home.path / "real").mkdir()
    home.write("real/etl.py", FLOW)
    return home


def run(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    """Python, as this test's environment says, in the project's folder."""
    from prefect.settings import PREFECT_API_URL

    env = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value()), "PREFECT_LOGGING_LEVEL": "ERROR"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=home.path, env=env, capture_output=True, text=True, timeout=400, check=False)


def test_a_flow_behind_a_link_is_the_flow_that_it_leads_to(project: Home) -> None:
    (project.path / "link").symlink_to("real")
    (project.path / "file.py").symlink_to("real/etl.py")
    for place in ("link/etl.py", "file.py"):
        ended = run(project, place)
        assert ended.returncode == 0, ended.stderr
        assert (project.path / "done").exists(), place
        (project.path / "done").unlink()
        stopped = run(project, place, "risky")
        assert stopped.returncode != 0
        assert "no-deletes" in stopped.stderr, place
        assert not (project.path / "purged").exists()


def test_a_link_that_leads_elsewhere_since_its_plan_was_approved_runs_nothing(project: Home) -> None:
    (project.path / "link").symlink_to("real")
    other = project.path / "other"
    other.mkdir()
    (other / "etl.py").write_text(FLOW.replace('Path(marker).write_text("ran")', 'Path(marker).write_text("other")'))
    locked = run(project, "-m", "govflow.cli", "lock", "link/etl.py", "--approve", "--as", "bob")
    assert locked.returncode == 0, locked.stdout + locked.stderr
    assert run(project, "link/etl.py").returncode == 0
    (project.path / "done").unlink()
    (project.path / "link").unlink()
    (project.path / "link").symlink_to("other")
    stopped = run(project, "link/etl.py")
    assert stopped.returncode != 0
    assert "PlanDrift" in stopped.stderr
    assert not (project.path / "done").exists()


@pytest.mark.parametrize("switch", ["-I", "-E", "-s", "-O", "-OO"])
def test_an_interpreter_with_other_switches_governs_a_decorated_flow_all_the_same(project: Home, switch: str) -> None:
    """What the decorators make needs no start-up hook and no PYTHON* variable."""
    packages = Path(inspect.getfile(govflow)).parents[1]
    start = f"import sys, runpy; sys.path.insert(0, {str(packages)!r}); sys.argv = ['etl.py', *sys.argv[1:]]; "
    start += "runpy.run_path('real/etl.py', run_name='__main__')"
    ended = run(project, switch, "-c", start)
    assert ended.returncode == 0, ended.stderr
    assert (project.path / "done").exists()
    stopped = run(project, switch, "-c", start, "risky")
    assert stopped.returncode != 0
    assert "no-deletes" in stopped.stderr
    assert not (project.path / "purged").exists()


def test_a_guarded_function_that_an_enforced_run_sends_past_its_task_does_not_run(project: Home) -> None:
    project.write(
        "pickled.py",
        """
        import subprocess, sys, cloudpickle
        from govflow.prefect import flow
        sys.path.insert(0, "real")
        from etl import harmless

        CHILD = "import sys, pickle; sys.path.insert(0, 'real'); pickle.load(sys.stdin.buffer)('sent')"

        @flow
        def sends():
            data = cloudpickle.dumps(harmless.fn)
            ended = subprocess.run([sys.executable, "-c", CHILD], input=data, capture_output=True)
            return ended.stderr.decode()

        if __name__ == "__main__":
            print(sends())
        """,
    )
    ended = run(project, "pickled.py")
    assert ended.returncode == 0, ended.stderr
    assert "Unplanned" in ended.stdout, ended.stdout
    assert not (project.path / "sent").exists()


def test_outside_flows_a_guarded_function_is_a_function_and_can_be_sent_anywhere(project: Home) -> None:
    project.write(
        "plain.py",
        """
        import copy, sys, cloudpickle
        sys.path.insert(0, "real")
        from etl import harmless
        cloudpickle.loads(cloudpickle.dumps(copy.copy(harmless.fn)))("sent")
        """,
    )
    ended = run(project, "plain.py")
    assert ended.returncode == 0, ended.stderr
    assert (project.path / "sent").exists()
