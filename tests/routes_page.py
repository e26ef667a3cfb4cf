"""docs/routes.md: go all the routes, and write what was seen.

python -m tests.routes_page     # needs what the Prefect tests need; some two minutes
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the test of the page with leave to write it; its exit code."""
    words = [sys.executable, "-m", "pytest", "-q", "tests/prefect/test_routes.py"]
    env = {**os.environ, "GOVFLOW__WRITE_ROUTES": "1"}
    return subprocess.run(words, cwd=ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
