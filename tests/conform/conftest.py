"""The corpus is read by tests; none of it is one, whatever a file of it is called."""

from __future__ import annotations

collect_ignore_glob = ["constructs/*", "flows/*"]
