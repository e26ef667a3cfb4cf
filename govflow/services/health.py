"""What a look at an installation finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Health(StrEnum):
    """What a check found."""

    OK = "ok"
    WARN = "warn"  # works, with a limit that one should know
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. ``mend`` is empty when there is nothing to do."""

    name: str
    health: Health
    what: str
    mend: str = ""

    def to_dict(self) -> dict[str, str]:
        """JSON values."""
        return {key: str(value) for key, value in asdict(self).items()}


def skipped(name: str) -> Finding:
    """For what cannot be looked at."""
    return Finding(name, Health.WARN, "not checked: what it needs is broken", "Mend the failures above first.")


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """The report as one JSON document."""
    worst = max((finding.health for finding in findings), key=list(Health).index, default=Health.OK)
    return {"health": str(worst), "checks": [finding.to_dict() for finding in findings]}
