"""Run pytest, and what failed beside other tests once more, alone. What passes then is told loudly, to be mended.

A test that fails now and then stops nobody by that, and is not forgotten either. Never tried again: a property test, a
test marked `once` (it looks for a race, so one failure is a finding), what could not be collected, what took its
process down, and anything if more than six fail.

usage: python .ci/again.py run NOTES ARGUMENTS...
           pytest with these arguments; 0 also where all that failed may be tried again, and is in the file NOTES now
       python .ci/again.py finish NOTES
           try that again; 0 if each passed. Without this call a failure of the first kind is lost.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MOST = 6
TRIES = 2  # alone
FINAL = {"once", "hypothesis"}  # marks; the second is set by Hypothesis on what it runs
PHASES = {"setup", "call", "teardown"}  # pytest-xdist has another word for a test at which a worker crashed
LINE = "=" * 100


class Failures:
    """Told by pytest what failed: the first words of each by its name, and those that are not tried again."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.final: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be read as tests."""
        if report.failed:
            self.final.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of a test, of whichever worker."""
        if report.failed:
            if report.nodeid not in self.found:
                print(f"\nfailed: {report.nodeid}", flush=True)  # whoever watches need not wait for the end
            self.found.setdefault(report.nodeid, report.longreprtext)
            if report.when not in PHASES or FINAL & report.keywords.keys():
                self.final.append(report.nodeid)


def run(notes: Path, arguments: list[str]) -> int:
    """Run pytest here; its exit code, or 0 where all that failed is noted to be tried again."""
    sys.path[0] = os.getcwd()  # as `python -m pytest` has it, instead of this folder
    failures = Failures()
    code = int(pytest.main(arguments, plugins=[failures]))
    if code != pytest.ExitCode.TESTS_FAILED:
        return code
    before = read(notes)
    again = before | failures.found
    if failures.final or not failures.found or len(again) > MOST:
        print(f"not tried again: {', '.join(failures.final) or f'{len(again)} tests, more than {MOST}, failed'}")
        return code
    notes.write_text(json.dumps(again), encoding="utf-8")
    print(f"to be tried again at the end, alone: {', '.join(failures.found)}", flush=True)
    return 0


def finish(notes: Path) -> int:
    """Try each that is noted again, in a process of its own; 1 if one fails."""
    noted = read(notes)
    failed = [name for name in noted if not passes(name)]
    for name in failed:
        print(f"failed each time: {name}")
    for name in noted.keys() - set(failed):
        print(f"\n{LINE}\nunsteady: {name}\nIt failed beside other tests and passed alone. Mend it. It had said:\n")
        print(f"{noted[name]}\n{LINE}", flush=True)
    return 1 if failed else 0


def passes(name: str) -> bool:
    """Whether that test passes alone, at the first or the second try: what is broken fails all three times."""
    command = [sys.executable, "-m", "pytest", "-q", name]
    return any(subprocess.run(command, check=False).returncode == 0 for _ in range(TRIES))


def read(notes: Path) -> dict[str, str]:
    """The first failure of each test that is to be tried again, by its name."""
    return dict(json.loads(notes.read_text(encoding="utf-8"))) if notes.exists() else {}


if __name__ == "__main__":
    verb, place, *rest = sys.argv[1:]
    sys.exit({"run": run, "finish": lambda notes, _: finish(notes)}[verb](Path(place), rest))
