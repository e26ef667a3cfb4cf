"""What holds for every test. Rooms keep their fixtures beside their own tests."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

NOTHING_SKIPS = os.environ.get("GOVFLOW__CI") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With GOVFLOW__CI=1 a skipped test is a failed one: what cannot run has shown nothing."""
    report = yield
    if NOTHING_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and GOVFLOW__CI=1 says that every test runs: {report.longrepr}"
    return report
