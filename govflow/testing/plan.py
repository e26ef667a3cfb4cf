"""The plan of a flow as a test sees it: steps that are found by name, tiers, and assertions that say what is wrong."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from govflow.governor.assess import Assessment, StepAssessment
    from govflow.ir.models import Edge, Plan, Step
    from govflow.services.workspace import Workspace

_UNRESOLVED = "unresolved"


@dataclass(frozen=True, slots=True, repr=False)
class StepUnderTest:
    """One step, with its tier and what the policy says of it."""

    step: Step
    judged: StepAssessment
    folder: str = ""  # of the flow's file, as in the flow's name

    @property
    def step_id(self) -> str:
        """As in ``nightly/load#1``."""
        return self.step.step_id

    @property
    def name(self) -> str:
        """The function that is called, without its file: ``load``."""
        return self.step.callee.rpartition(":")[2]

    @property
    def kind(self) -> str:
        """``body``, ``task``, ``subflow``, ``hook`` or ``unresolved``."""
        return self.step.kind.value

    @property
    def action(self) -> str:
        """As in ``data:delete``."""
        return self.step.action

    @property
    def provider(self) -> str:
        """As in ``postgres``."""
        return self.step.provider

    @property
    def resource(self) -> str:
        """As in ``dataset://acme/{table}``."""
        return self.step.resource

    @property
    def multiplicity(self) -> str:
        """``one``, ``optional`` or ``many``."""
        return self.step.multiplicity.value

    @property
    def tier(self) -> int:
        """0 to 3."""
        return int(self.judged.tier)

    @property
    def verdict(self) -> str:
        """``pass``, ``escalate`` or ``reject``."""
        return str(self.judged.verdict)

    @property
    def reason(self) -> str:
        """What set its tier; of a call that could not be read: why."""
        return self.step.reason or (self.judged.findings[0].reason if self.judged.findings else "")

    @property
    def actions(self) -> frozenset[str]:
        """The action that it is judged by, and those of every effect that was found in its code."""
        return frozenset({self.action, *(effect.action for effect in self.step.effects)})

    @property
    def place(self) -> str:
        """File and line of the call, the file as in the flow's name; empty where there is none."""
        if not self.step.sites:
            return ""
        site = self.step.sites[-1]
        return f"{posixpath.normpath(posixpath.join(self.folder, site.file))}:{site.line}"

    def line(self) -> str:
        """For a report: id, what it does, where."""
        where = f"  ({self.place})" if self.place else ""
        return f"{self.step_id}  {self.action} {self.provider} {self.resource}{where}"

    def __repr__(self) -> str:
        return f"<step {self.line()}, tier {self.tier}, {self.verdict}>"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PlanUnderTest:
    """The plan of one flow, judged by the policy and the tier rules of the project.

    Two are equal when their plans are: what the flow does, not where its lines stand.
    """

    name: str  # ``flows/etl.py:nightly``
    plan: Plan
    assessment: Assessment
    workspace: Workspace

    @property
    def flow(self) -> str:
        """The name that Prefect shows."""
        return self.plan.flow

    @property
    def steps(self) -> tuple[StepUnderTest, ...]:
        """In source order, the flow's own body among them."""
        judged = self.assessment.steps
        folder = posixpath.dirname(self.name.rpartition(":")[0])
        return tuple(StepUnderTest(step, judged[step.step_id], folder) for step in self.plan.steps)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Which step comes after which, and why."""
        return self.plan.edges

    @property
    def tier(self) -> int:
        """The highest of any step."""
        return int(self.assessment.tier)

    @property
    def verdict(self) -> str:
        """The worst of any step."""
        return str(self.assessment.verdict)

    @property
    def plan_hash(self) -> str:
        """``sha256:<hex>``."""
        from govflow.ir.hashing import plan_hash

        return plan_hash(self.plan)

    def steps_of(self, name: str) -> tuple[StepUnderTest, ...]:
        """Every step of that id, or that calls a function of that name.

        Raises:
            LookupError: there is none; names those that there are.
        """
        steps = self.steps
        found = tuple(step for step in steps if step.step_id == name) or tuple(
            step for step in steps if name in (step.name, step.step.callee, step.name.rpartition(".")[2])
        )
        if not found:
            names = sorted({step.name for step in steps})
            near = difflib.get_close_matches(name, [*names, *(step.step_id for step in steps)], n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise LookupError(f"{self.name} has no step {name!r}: {hint}there are {', '.join(names)}")
        return found

    def step(self, name: str) -> StepUnderTest:
        """The one step of that id, or that calls a function of that name.

        Raises:
            LookupError: there is none, or there are several.
        """
        found = self.steps_of(name)
        if len(found) > 1:
            ids = ", ".join(step.step_id for step in found)
            raise LookupError(f"{self.name} has {len(found)} steps {name!r}: name one of {ids}, or ask for steps_of()")
        return found[0]

    def assert_tier_at_most(self, tier: int) -> None:
        """No step is above that tier."""
        __tracebackhide__ = True
        above = [step for step in self.steps if step.tier > tier]
        if above:
            lines = (f"{step.line()}\n      tier {step.tier}: {step.reason}" for step in above)
            raise AssertionError(self._said(f"{_steps(len(above))} above tier {tier}", lines))

    def assert_no(self, *actions: str, allow_unresolved: bool = False) -> None:
        """No step does any of these, by what it declares or by an effect found in its code.

        A call that could not be read may do anything, so it fails this as well.

        Args:
            *actions: registered actions, or globs over them: ``data:delete``, ``data:*``, ``*:delete``.
            allow_unresolved: let calls that could not be read pass.

        Raises:
            ValueError: a glob matches no registered action, so it could never fail.
        """
        __tracebackhide__ = True
        known = self.workspace.vocabulary.actions
        for pattern in actions:
            if not any(fnmatchcase(action, pattern) for action in known):
                near = difflib.get_close_matches(pattern, known, n=1)
                raise ValueError(
                    f"no registered action is {pattern!r}" + (f"; did you mean {near[0]!r}?" if near else "")
                )
        wrong = [step for step in self.steps if any(fnmatchcase(a, p) for a in step.actions for p in actions)]
        if wrong:
            raise AssertionError(self._said(f"{_steps(len(wrong))} doing {' or '.join(actions)}", map(_effects, wrong)))
        if not allow_unresolved:
            self.assert_resolved()

    def assert_resolved(self) -> None:
        """Every call that could run a task was read."""
        __tracebackhide__ = True
        unread = [step for step in self.steps if step.kind == _UNRESOLVED]
        if unread:
            lines = (f"{step.step_id}  ({step.place})\n      {step.reason}" for step in unread)
            raise AssertionError(self._said(f"{_steps(len(unread))} that could not be read", lines))

    def assert_order(self, *names: str) -> None:
        """Each of these comes after the one before it: data or ``wait_for`` leads from one to the next.

        Where a name is that of several steps, each of the later ones must follow at least one of the earlier ones.

        Raises:
            LookupError: there is no such step.
        """
        __tracebackhide__ = True
        for first, second in pairwise(names):
            reached = self._after({step.step_id for step in self.steps_of(first)})
            free = [step for step in self.steps_of(second) if step.step_id not in reached]
            if free:
                wrong = f"{_steps(len(free))} that nothing makes wait for {first!r}"
                raise AssertionError(self._said(wrong, (step.line() for step in free)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PlanUnderTest):
            return self.plan_hash == other.plan_hash
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.plan_hash)

    def __repr__(self) -> str:
        return f"<plan of {self.name}: {_steps(len(self.plan.steps))}, tier {self.tier}, {self.verdict}>"

    def __str__(self) -> str:
        from govflow.services.describe import plan_text

        return plan_text(self.name, self.plan, self.assessment)

    def _after(self, sources: set[str]) -> set[str]:
        """Every step that something leads to from ``sources``."""
        targets: dict[str, list[str]] = {}
        for edge in self.plan.edges:
            targets.setdefault(edge.source, []).append(edge.target)
        reached: set[str] = set()
        waiting = list(sources)
        while waiting:
            for target in targets.get(waiting.pop(), ()):
                if target not in reached:
                    reached.add(target)
                    waiting.append(target)
        return reached

    def _said(self, wrong: str, lines: Iterable[str]) -> str:
        return "\n".join([f"{self.name} has {wrong}:", *(f"  {line}" for line in lines)])


def _steps(count: int) -> str:
    return f"{count} step{'' if count == 1 else 's'}"


def _effects(step: StepUnderTest) -> str:
    return "\n".join([step.line(), *(f"      {line}" for line in _found_in(step))])


def _found_in(step: StepUnderTest) -> Iterator[str]:
    for effect in step.step.effects:
        if (effect.action, effect.provider, effect.resource) != (step.action, step.provider, step.resource):
            yield f"its code does {effect.action} {effect.provider} {effect.resource}"
