"""What holds for every test. Rooms keep their fixtures beside their own tests."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator

import pytest
from hypothesis import settings

IN_CI = os.environ.get("GOVFLOW__CI") == "1"

# A machine that is busy makes no example wrong. In CI properties are tried more often; at a desk, at every save.
settings.register_profile("desk", max_examples=10, deadline=None)
settings.register_profile("ci", max_examples=150, deadline=None, print_blob=True)
settings.load_profile("ci" if IN_CI else "desk")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With GOVFLOW__CI=1 a skipped test is a failed one: what cannot run has shown nothing."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and GOVFLOW__CI=1 says that every test runs: {report.longrepr}"
    return report


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: to look for garbage in it again and again costs a fifth."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
