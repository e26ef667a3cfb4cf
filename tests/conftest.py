"""What holds for every test. Rooms keep their fixtures beside their own tests."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.prefect_server import prefect_server, prefect_settings  # noqa: F401 - fixtures, here so that there is one of each

IN_CI = os.environ.get("GOVFLOW__CI") == "1"
HOME = Path.home() / ".govflow"  # as it is before a test gives itself another

# CI says so where the machine forbids tracing, and says it loudly: no skip, since none is allowed there.
collect_ignore_glob = ["*/test_faults*.py"] if os.environ.get("GOVFLOW__FAULTS_HERE") == "no" else []

# A shell that starts tests in the background ignores interrupts, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A machine that is busy makes no example wrong, and none too slow. At a desk properties are tried at every save, with
# few examples. CI tries more, and the same ones for the same code: what it says of a commit does not hang on luck. To
# find what nobody thought of is the work of `make fuzz`, with new examples each time.
_ANY_PACE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("desk", _ANY_PACE, max_examples=10)
settings.register_profile("ci", _ANY_PACE, max_examples=150, derandomize=True, print_blob=True)
settings.register_profile("few", settings.get_profile("ci"), max_examples=10)
settings.register_profile("fuzz", _ANY_PACE, max_examples=1500, print_blob=True)
_FUZZ, _FEW = (os.environ.get(name) == "1" for name in ("GOVFLOW__FUZZ", "GOVFLOW__FEW_EXAMPLES"))
settings.load_profile("fuzz" if _FUZZ else "few" if _FEW else "ci" if IN_CI else "desk")

# Two workers are done together only if neither begins with the longest file when the other has ended: these come first,
# in this order, and the others by how many tests they have. `pytest --durations` and the clock say what belongs here.
LONGEST = (
    "tests/prefect/test_zero_code_corpus.py",
    "tests/prefect/test_routes.py",
    "tests/prefect/test_conformance.py",
)


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """In CI, where nobody else is at work: no test writes into the log of whoever runs the tests."""
    yield
    global _at_home
    before, _at_home = _at_home, _left_at_home()
    assert _at_home == before, f"{item.nodeid}, or one beside it, wrote into {HOME}: give its processes a HOME"


def _left_at_home() -> frozenset[tuple[str, int, int]]:
    """What lies where a log is by default: paths, bytes and times."""
    if not IN_CI:
        return frozenset()
    found = ((str(path), path.stat()) for path in HOME.rglob("*") if path.is_file())
    return frozenset((path, seen.st_size, seen.st_mtime_ns) for path, seen in found)


_at_home = _left_at_home()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker, which gets whole files (see HALVES in the Makefile), those that take long come first."""
    if not hasattr(config, "workerinput"):
        return
    rank = {name: number for number, name in enumerate(LONGEST)}
    files = Counter(item.location[0] for item in items)
    items.sort(key=lambda item: (rank.get(file := item.location[0], len(rank)), -files[file], file))


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: to look for garbage in it again and again costs a fifth."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
