"""The pytest plugin. It is loaded wherever govflow is installed, so it imports nothing before a test or option asks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Protocol

import pytest

from govflow.testing.plan import PlanUnderTest
from govflow.testing.snapshot import FOLDER, Snapshot

_WRITTEN: Final = "govflow_snapshot"  # the user property that tells the terminal of a written file, from workers too

_CASES: Final = (".policy-test.yaml", ".policy-test.yml")


class PlanReader(Protocol):
    """What the fixture ``govflow_plan`` is."""

    def __call__(
        self, target: str | os.PathLike[str], *, environment: str | None = None, policy: Path | None = None
    ) -> PlanUnderTest:
        """Read the plan of a flow; nothing of it is imported or run.

        Args:
            target: ``flows/etl.py:nightly``, relative to pytest's root folder; a file alone if it holds one flow.
            environment: judge as if it ran there.
            policy: judge by this file instead of the configured one.
        """
        ...


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two options."""
    group = parser.getgroup("govflow", "govflow: plans of flows")
    group.addoption(
        "--govflow-check",
        action="append",
        nargs="?",
        const=".",
        default=[],
        metavar="PATH",
        help="run `govflow check` on PATH (the root folder without one), as one test for each flow; may be repeated",
    )
    group.addoption(
        "--govflow-update",
        action="store_true",
        help="keep the plans that tests compare with govflow_snapshot; without this nothing is ever written",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marker that selects or leaves out the checks: ``-m govflow``."""
    config.addinivalue_line("markers", "govflow: a flow that --govflow-check checks, or a policy case")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Files of policy cases are tests: ``acme.policy-test.yaml``."""
    if not file_path.name.endswith(_CASES):
        return None
    from govflow.testing.policy_cases import CaseFileCollector

    return CaseFileCollector.from_parent(parent, path=file_path)


@pytest.hookimpl(tryfirst=True)  # so that -k and -m choose among the checks too
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--govflow-check``, the flows are collected beside the tests."""
    paths: list[str] = config.getoption("govflow_check")
    if not paths:
        return
    from govflow.testing.checks import CheckCollector

    collector = CheckCollector.from_parent(session, name="govflow-check", nodeid="govflow-check", paths=paths)
    collector.ihook.pytest_collectstart(collector=collector)
    report = collector.ihook.pytest_make_collect_report(collector=collector)
    report.__dict__.pop("call", None)  # as pytest does: it cannot travel between processes
    collector.ihook.pytest_collectreport(report=report)
    items.extend(report.result or ())


@pytest.fixture(scope="session")
def govflow_plan(pytestconfig: pytest.Config) -> PlanReader:
    """The plan of a flow: ``govflow_plan("flows/etl.py:nightly")``."""

    def read(
        target: str | os.PathLike[str], *, environment: str | None = None, policy: Path | None = None
    ) -> PlanUnderTest:
        __tracebackhide__ = True
        from govflow.testing.reading import read_plan

        return read_plan(target, pytestconfig.rootpath, environment, policy)

    return read


@pytest.fixture
def govflow_snapshot(request: pytest.FixtureRequest) -> Snapshot:
    """The plan that this test found when it was last run with ``--govflow-update``."""
    properties = request.node.user_properties
    path: Path = request.path
    return Snapshot(
        folder=path.parent / FOLDER / path.stem,
        test=_name_of(request.node),
        update=request.config.getoption("govflow_update"),
        written=lambda file: properties.append((_WRITTEN, str(file))),
    )


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """``assert plan == govflow_snapshot`` shows the difference of the plans."""
    pair = (left, right) if isinstance(right, Snapshot) else (right, left)
    plan, snapshot = pair
    if op != "==" or not isinstance(plan, PlanUnderTest) or not isinstance(snapshot, Snapshot):
        return None
    return [f"{plan!r} == {snapshot!r}", *snapshot.explain(plan)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which snapshots were written."""
    reports = (report for kind in terminalreporter.stats.values() for report in kind)
    files = {
        value
        for report in reports
        if isinstance(report, pytest.TestReport)
        for key, value in report.user_properties
        if key == _WRITTEN
    }
    if files:
        terminalreporter.section("govflow")
        for file in sorted(str(file) for file in files):
            terminalreporter.line(f"written: {_short(Path(file), terminalreporter.config.rootpath)}")


def _name_of(node: pytest.Item) -> str:
    """Class and name of a test, as in ``TestNightly.test_plan[prod]``."""
    return node.nodeid.partition("::")[2].replace("::", ".") or node.name


def _short(file: Path, root: Path) -> Path:
    return file.relative_to(root) if file.is_relative_to(root) else file
