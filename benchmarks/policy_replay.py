"""Holding a policy against recorded decisions: how many a second. ``python -m benchmarks.policy_replay [COUNT]``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

import orjson

from govflow.policy import Engine, load_policy
from govflow.services.recorded_files import read_recorded
from govflow.services.simulate_policy import Simulation, simulate

COUNT = 1_000_000
RULES = 28


def policy_text(rules: int = RULES) -> str:
    """A policy of that many rules, some of which read parameters."""
    written = [
        f"    - {{name: r{number}, effect: {('allow', 'deny', 'require_approval')[number % 3]}, priority: {number},"
        f" actions: ['data:{('read', 'write', 'delete')[number % 3]}'], resources: ['dataset://t{number % 7}/*'],"
        f" conditions: {{{'parameters.limit: {gt: 5}' if number % 5 == 0 else f'step.tier: {{gte: {number % 4}}}'}}}}}"
        for number in range(rules)
    ]
    return "version: 1\npolicy:\n  name: bench\n  default: deny\n  rules:\n" + "\n".join(written)


def record(random: Random, number: int) -> dict[str, Any]:
    """One decision, as an export writes it."""
    tenant, flow = f"t{random.randrange(7)}", f"flows/f{random.randrange(50)}.py:main"
    step = f"main/step{random.randrange(20)}#1"
    asked = {
        "action": random.choice(["data:read", "data:write", "data:delete"]),
        "provider": "postgres",
        "resource": f"dataset://{tenant}/table{random.randrange(100)}",
        "subject": {"name": f"user{random.randrange(40)}", "roles": ["developer"], "assurance": "authenticated"},
        "step": {"id": step, "name": step, "kind": "task", "tier": random.randrange(4), "multiplicity": "one"},
        "run": {"environment": "staging", "production": False, "tenant": tenant, "flow": flow, "mode": "enforce"},
    }
    return {
        "at": f"2026-11-22T17:{number // 60_000_000:02}:{number % 60:02}.000000Z", "run_id": f"run-{number // 20}",
        "flow": flow, "step_id": step, "policy_digest": "sha256:" + "0" * 64,
        "effect": random.choice(["allow", "deny", "require_approval"]), "rule": "r1", "rules": ["r1"],
        "requests": [asked],
    }  # fmt: skip


def measure(count: int, folder: Path) -> tuple[Simulation, float]:
    """Write ``count`` decisions, and judge them; seconds for reading and judging."""
    random, file = Random(1), folder / "decisions.jsonl"
    with file.open("wb") as out:
        for number in range(count):
            out.write(orjson.dumps(record(random, number)) + b"\n")
    engine = Engine(load_policy(policy_text(), "bench.yaml"))
    start = time.perf_counter()
    found = simulate(engine, read_recorded(file))
    return found, time.perf_counter() - start


def main() -> None:
    """Print one line."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with tempfile.TemporaryDirectory() as folder:
        found, seconds = measure(count, Path(folder))
    told = ", ".join(f"{group.count} {change}" for change, group in found.groups.items() if group.count)
    print(f"{count:,} recorded decisions in {seconds:.1f} s ({seconds / count * 1e6:.1f} µs each): {told}")


if __name__ == "__main__":
    main()
