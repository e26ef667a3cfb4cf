"""What a check can find. A rule's id is stable: reports, baselines and pages refer to it.

The long text of each rule, with a bad and a good example, is its page (:mod:`govflow.services.rule_pages`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from govflow.ir.models import CallSite


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
    Rule("GF205", "nobody-can-approve", Level.WARNING, "Nobody whom the policy file knows can meet an approval rule."),
    Rule("GF301", "unresolved", Level.WARNING, "A call that could run a task could not be read."),
    Rule("GF302", "reading", Level.NOTE, "The reader of the source has a remark."),
    Rule("GF303", "unreadable", Level.ERROR, "A file could not be read, so its flows were not checked."),
    Rule(
        "GF304", "literal-secret", Level.WARNING, "A literal secret stands in the source, and so in plan and lock file."
    ),
    Rule("GF305", "effect-hidden", Level.ERROR, "A step's code does something stronger than what it declares."),
    Rule("GF306", "effect-at-import", Level.WARNING, "Importing a module does something to the world."),
    Rule("GF307", "effect-unbounded", Level.WARNING, "A statement changes or deletes every row of a table."),
    Rule("GF308", "unseen-code", Level.NOTE, "A step calls code whose effects are not known."),
    Rule("GF309", "sql-not-parsed", Level.NOTE, "A SQL statement could not be read, so its effects are not known."),
    Rule("GF401", "unused-baseline", Level.WARNING, "An entry of the baseline file matches nothing any more."),
    Rule("GF501", "unguarded", Level.ERROR, "No pull step of a deployment is the guard."),
    Rule("GF502", "guard-edited", Level.ERROR, "A deployment's guard or pull steps are not as they were made."),
    Rule("GF503", "deployed-drift", Level.ERROR, "A deployment was verified for another plan than the approved one."),
    Rule("GF504", "ungoverned", Level.WARNING, "A deployment was made of a flow that nothing verified."),
    Rule("GF505", "deployed-unapproved", Level.WARNING, "Nobody has approved the plan of a deployed flow."),
    Rule("GF601", "run-unrecorded", Level.ERROR, "A run of a guarded deployment is not in the log."),
    Rule("GF602", "state-forced", Level.ERROR, "The engine says that a run completed; the log says that it did not."),
    Rule("GF603", "ended-waiting", Level.WARNING, "A run ended while people were asked about one of its steps."),
    Rule("GF604", "step-uncertain", Level.ERROR, "A run ended; whether a risky step ran to its end is not known."),
    Rule("GF605", "run-gone", Level.ERROR, "The engine does not know a run that the log has open."),
    Rule("GF606", "process-gone", Level.ERROR, "A run is said to run or to wait, and no process holds it."),
    Rule("GF701", "rule-dead", Level.WARNING, "A policy rule never matches: its conditions contradict each other."),
    Rule("GF702", "rule-shadowed", Level.WARNING, "A policy rule never decides: others are always in its way."),
    Rule("GF703", "rules-conflict", Level.WARNING, "Policy rules of one priority say different things of a request."),
    Rule("GF704", "order-decides", Level.NOTE, "Only priority says which of two policy rules decides a request."),
    Rule("GF705", "rule-expired", Level.WARNING, "A policy rule or an exception has expired."),
    Rule("GF706", "exception-unused", Level.WARNING, "No request can use an exception from a policy rule."),
    Rule("GF707", "allows-everything", Level.WARNING, "A policy rule allows everything to everyone."),
    Rule("GF708", "band-missed", Level.WARNING, "A policy rule stands outside the bands, or in the wrong one."),
    Rule("GF709", "word-unregistered", Level.WARNING, "A condition names an action or provider that no plan has."),
    Rule("GF710", "only-missing", Level.WARNING, "A policy rule matches only where attributes are missing."),
    Rule("GF711", "attribute-unprovided", Level.NOTE, "Rules read an attribute that no governed run is given."),
)
RULES: Final[Mapping[str, Rule]] = {rule.code: rule for rule in _RULES}

RULE_OF_REMARK: Final[Mapping[str, str]] = {
    "effect-hidden": "GF305",
    "effect-at-import": "GF306",
    "effect-unbounded": "GF307",
    "sql-not-parsed": "GF309",
}
"""The rules of a plan's own findings; every other one is GF302."""


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One thing that a check found. ``file`` and ``line`` point at the source, where they are known.

    ``key`` says what was found apart from where it stands: with rule, flow and step it tells whether another reading
    found the same. It holds no line number.
    """

    code: str
    flow: str  # ``<path>:<function>``; the file's name for GF303
    message: str
    mend: str = ""
    step_id: str | None = None
    file: str | None = None  # relative to the folder of the lock file
    line: int | None = None
    key: str = ""
    site: CallSite | None = None  # of the call, as the planner read it
    column: int | None = None  # characters, from 1; set with ``source``
    end_line: int | None = None
    end_column: int | None = None  # the first character after the call
    source: str | None = None  # the line, where it may be shown
    nth: int = 0  # among findings that are alike

    @property
    def rule(self) -> Rule:
        """Its kind."""
        return RULES[self.code]

    @property
    def level(self) -> Level:
        """Its weight."""
        return self.rule.level

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What two readings of the same trouble have in common."""
        return (self.code, self.flow, self.step_id or "", self.key)

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits of the identity; moving a line does not change them."""
        text = "\0".join((*self.identity, str(self.nth)))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]

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
            "column": self.column,
            "end_line": self.end_line,
            "end_column": self.end_column,
            "fingerprint": self.fingerprint,
        }


def numbered(findings: Iterable[CheckFinding]) -> list[CheckFinding]:
    """The same findings; those that are alike are counted, so that each has a fingerprint of its own."""
    seen: dict[tuple[str, str, str, str], int] = {}
    made = []
    for finding in findings:
        nth = seen.get(finding.identity, 0)
        seen[finding.identity] = nth + 1
        made.append(replace(finding, nth=nth) if nth else finding)
    return made
