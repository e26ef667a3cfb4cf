"""``python -m benchmarks NAME``: one JSON object on stdout, a line for people for each figure on stderr."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

from benchmarks.report import report

NAMES = ("overhead", "planner")


def main(arguments: list[str]) -> int:
    """Run one benchmark, or ``all``, each in a process of its own."""
    name = arguments[0] if len(arguments) == 1 else ""
    if name == "all":
        return max(subprocess.run([sys.executable, "-m", "benchmarks", each], check=False).returncode for each in NAMES)
    if name not in NAMES:
        print(f"usage: python -m benchmarks {'|'.join((*NAMES, 'all'))}", file=sys.stderr)
        return 2
    print(json.dumps(report(name, import_module(f"benchmarks.{name}").run()), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
