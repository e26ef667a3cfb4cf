"""What a check can find. A rule's id is stable: reports, baselines and pages refer to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Level(StrEnum):
    """How much a finding weighs."""

    ERROR = "error"  # the check fails
    WARNING = "warning"  # someone should look at it
    NOTE = "note"  # good to know


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of finding."""

    code: str
    name: str
    level: Level
    means: str


_RULES: Final = (
    Rule("GF101", "not-locked", Level.ERROR, "A flow has no entry in the lock file."),
    Rule("GF102", "plan-drift", Level.ERROR, "A flow's plan is not the locked one."),
    Rule("GF103", "flow-gone", Level.ERROR, "The lock file holds a flow that is not in the source."),
    Rule("GF104", "tier-raised", Level.WARNING, "A change raises the tier of a flow."),
    Rule("GF201", "denied", Level.ERROR, "A policy rule denies a step that is certain to run, or that cannot be read."),
    Rule("GF202", "may-be-denied", Level.WARNING, "A policy rule denies a step that may run."),
    Rule("GF203", "approval-needed", Level.NOTE, "A run will stop until people have approved a step."),
    Rule("GF204", "no-approval-rule", Level.ERROR, "A step names an approval rule that the policy does not have."),
    Rule("GF205", "nobody-can-approve", Level.ERROR, "An approval rule can never be met."),
    Rule("GF301", "unresolved", Level.WARNING, "A call that could run a task could not be read."),
    Rule("GF302", "reading", Level.NOTE, "The reader of the source has a remark."),
    Rule("GF303", "unreadable", Level.ERROR, "A file could not be read, so its flows were not checked."),
    Rule(
        "GF304", "literal-secret", Level.WARNING, "A literal secret stands in the source, and so in plan and lock file."
    ),
)
RULES: Final[Mapping[str, Rule]] = {rule.code: rule for rule in _RULES}


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One thing that a check found. ``file`` and ``line`` point at the source, where they are known."""

    code: str
    flow: str  # ``<path>:<function>``; the file's name for GF303
    message: str
    mend: str = ""
    step_id: str | None = None
    file: str | None = None
    line: int | None = None

    @property
    def rule(self) -> Rule:
        """Its kind."""
        return RULES[self.code]

    @property
    def level(self) -> Level:
        """Its weight."""
        return self.rule.level

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "code": self.code,
            "name": self.rule.name,
            "level": str(self.level),
            "flow": self.flow,
            "step_id": self.step_id,
            "message": self.message,
            "mend": self.mend,
            "file": self.file,
            "line": self.line,
        }
