"""These tests need another implementation in an environment of its own: ``bash .ci/interop .venv/bin`` makes it."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("GOVFLOW__AICS_PYTHON") else ["test_*.py"]
