"""What is measured in a process of its own: ``python -m benchmarks.policy_task load FILE``."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from govflow.policy import Engine, load_policy
from govflow.policy.yaml_reader import read_yaml


def held() -> float:
    """Megabytes that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def load(file: str) -> dict[str, float]:
    """Load a policy file; seconds of CPU, and megabytes beyond what the process had before."""
    text = Path(file).read_text(encoding="utf-8")
    before = held()
    start = time.process_time()
    engine = Engine(load_policy(text, file))
    took = time.process_time() - start
    kept = held() - before
    start = time.process_time()
    read_yaml(text, file)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {"load": took, "yaml": time.process_time() - start, "held": kept, "peak": peak, "rules": len(list(engine))}


if __name__ == "__main__":
    print(json.dumps(load(sys.argv[2])))
