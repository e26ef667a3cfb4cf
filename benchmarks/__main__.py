"""``python -m benchmarks NAME``: one JSON object on stdout, a line for people for each figure on stderr.

``approvals`` takes a number: how many runs wait at once; ``inbox`` too: how many requests there are; ``audit`` and
``audit_asking``: how many records.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

from benchmarks.report import report

NAMES = ("overhead", "planner", "policy", "approvals", "inbox", "audit", "audit_writing", "audit_asking")
SIZED = ("approvals", "inbox", "audit", "audit_asking")


def main(arguments: list[str]) -> int:
    """Run one benchmark, or ``all``, each in a process of its own."""
    name, *sizes = arguments or [""]
    known = not sizes or (name in SIZED and len(sizes) == 1 and sizes[0].isdigit())
    if name == "all" and known:
        return max(subprocess.run([sys.executable, "-m", "benchmarks", each], check=False).returncode for each in NAMES)
    if name not in NAMES or not known:
        print(f"usage: python -m benchmarks {'|'.join((*NAMES, 'all'))} [NUMBER]", file=sys.stderr)
        return 2
    print(json.dumps(report(name, import_module(f"benchmarks.{name}").run(*map(int, sizes))), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
