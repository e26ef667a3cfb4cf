"""What a policy would have said of decisions that were recorded: what changes, where, by which rule.

``simulate`` holds another policy against them: newly denied, newly paused, newly allowed. ``replay`` holds the policy
itself against its own decisions: whatever it says otherwise than was recorded is a finding. Where what was recorded
does not tell the answer, that is said, and never guessed (:mod:`govflow.policy.possible`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from govflow.policy import Effect, Engine, LayeredEngine, Level, PolicyDocument, PolicyRule, RuleMode
from govflow.policy.recorded import Recorded
from govflow.policy.rejudge import Answer, Rejudge

EXAMPLES: Final = 5
_STEP: Final = 1000  # records between two words on how far it is

Progress = Callable[[int], None]
"""Is told now and then how many records were judged."""


class Change(StrEnum):
    """What becomes of a recorded decision under another policy."""

    DENIED = "newly denied"
    PAUSED = "newly paused"
    ALLOWED = "newly allowed"
    OTHERWISE = "decided otherwise than recorded"  # the same policy said something else
    SAME = "unchanged"
    UNJUDGED = "cannot judge"


_NEW: Final = {Effect.DENY: Change.DENIED, Effect.REQUIRE_APPROVAL: Change.PAUSED, Effect.ALLOW: Change.ALLOWED}
CHANGED: Final = (Change.DENIED, Change.PAUSED, Change.ALLOWED, Change.OTHERWISE)
"""Each of these is a difference."""


@dataclass(frozen=True, slots=True)
class Example:
    """One decision that is not what it was."""

    record: Recorded
    answer: Answer


@dataclass(slots=True)
class Group:
    """All decisions with one change."""

    count: int = 0
    runs: set[str] = field(default_factory=set)
    flows: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)  # by the rule that decides now; or by what is not known
    examples: list[Example] = field(default_factory=list)


@dataclass(slots=True)
class Simulation:
    """What a policy says of recorded decisions."""

    digest: str  # of the policy that was asked
    groups: dict[Change, Group] = field(default_factory=lambda: {change: Group() for change in Change})
    records: int = 0  # that were judged
    other_rule: int = 0  # unchanged, by another rule
    skipped: Counter[str] = field(default_factory=Counter)  # decisions of other policies, by digest: not replayed
    noted: Counter[str] = field(default_factory=Counter)  # ``shadow:NAME`` and the like, as they were recorded
    first: str = ""  # times of the earliest and the latest
    last: str = ""

    @property
    def changed(self) -> int:
        """How many decisions are not what they were."""
        return sum(self.groups[change].count for change in CHANGED)


def simulate(
    engine: Engine | LayeredEngine,
    records: Iterable[Recorded],
    *,
    examples: int = EXAMPLES,
    progress: Progress | None = None,
    altered: bool = False,
) -> Simulation:
    """Hold another policy against recorded decisions.

    Args:
        engine: the policy to ask.
        records: read once, as they come.
        examples: how many to keep of each change.
        progress: is told how many were judged.
        altered: the policy is that of :func:`shadow_deciding`.
    """
    return _held(Rejudge(engine, altered=altered), records, examples, progress, same=False)


def replay(
    engine: Engine | LayeredEngine,
    records: Iterable[Recorded],
    *,
    examples: int = EXAMPLES,
    progress: Progress | None = None,
) -> Simulation:
    """Hold a policy against its own recorded decisions; those of other policies are counted and left out.

    Effect, deciding rule and, where they were recorded, all matching rules have to be the same.
    """
    return _held(Rejudge(engine), records, examples, progress, same=True)


def _deciding(rule: PolicyRule) -> dict[str, object]:
    level = Level.HARD_MANDATORY if rule.level is Level.ADVISORY else rule.level
    return {"mode": RuleMode.ENFORCE, "level": level}


def shadow_deciding(document: PolicyDocument) -> PolicyDocument:
    """The same policy, with its shadow and advisory rules deciding like the others.

    It keeps its digest: what these rules read was recorded, since they were asked.
    """
    rules = tuple(
        rule if rule.decides or rule.mode is RuleMode.OFF else rule.model_copy(update=_deciding(rule))
        for rule in document.policy.rules
    )
    return replace(document, policy=document.policy.model_copy(update={"rules": rules}))


def _held(
    judging: Rejudge, records: Iterable[Recorded], examples: int, progress: Progress | None, *, same: bool
) -> Simulation:
    found, engine = Simulation(judging.engine.digest), judging.engine
    for record in records:
        if same and record.policy_digest != engine.digest:
            found.skipped[record.policy_digest] += 1
            continue
        found.records += 1
        if progress is not None and found.records % _STEP == 0:
            progress(found.records)
        answer = judging.answer(record)
        change = _differs(record, answer) if same else _change(record, answer)
        group = found.groups[change]
        group.count += 1
        if change is Change.SAME:
            found.other_rule += answer.rule != record.rule
        else:
            _note(group, record, answer, examples)
        if record.rules:
            found.noted.update(name for name in record.rules if ":" in name)
        if record.at:
            found.first = min(found.first or record.at, record.at)
            found.last = max(found.last, record.at)
    return found


def _change(record: Recorded, answer: Answer) -> Change:
    if answer.effect is None:
        return Change.UNJUDGED
    return Change.SAME if answer.effect is record.effect else _NEW[answer.effect]


def _differs(record: Recorded, answer: Answer) -> Change:
    if answer.effect is None:
        return Change.UNJUDGED
    same = answer.effect is record.effect and answer.rule == record.rule
    return Change.SAME if same and (not record.rules or record.rules == answer.rules) else Change.OTHERWISE


def _note(group: Group, record: Recorded, answer: Answer, examples: int) -> None:
    group.runs.add(record.run_id)
    group.flows[record.flow or "no flow"] += 1
    if answer.effect is None:
        group.rules.update(sorted(answer.hinges))
    else:
        group.rules[answer.rule or "one of several"] += 1
    if len(group.examples) < examples:
        group.examples.append(Example(record, answer))
