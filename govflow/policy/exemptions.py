"""Exceptions: for whom and until when a soft-mandatory rule does not decide.

    exceptions:
      - name: migration-2027
        rule: no-writes-at-night
        owner: carol
        ticket: CHG-1042
        reason: The move to the new warehouse runs at night.
        expires: 2027-03-01
        subjects: ["role:migration"]

Whether an exception is honoured is asked in one place, :meth:`Exemptions.rule_on`. It is refused in doubt: when it has
expired, when the time is not known, when one of its conditions has no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from pydantic import Field

from govflow.ir.models import NonEmpty, StrictModel
from govflow.policy.attributes import EvaluationError, reader
from govflow.policy.conditions import Predicate, all_of, paths_of
from govflow.policy.fields import Choices, Moment, Name, Operand
from govflow.policy.globs import Matcher, compile_globs, normal_glob
from govflow.policy.holes import every_match
from govflow.policy.model import PolicyRequest
from govflow.policy.moments import moment
from govflow.policy.operators import as_moment
from govflow.policy.selectors import EVERYONE
from govflow.policy.unknown import UNKNOWN, Undetermined

TIME: Final = "run.time"
_read_time: Final = reader(TIME)


class PolicyException(StrictModel):
    """One exception, as the file holds it."""

    name: Name
    rule: NonEmpty  # a soft-mandatory rule of the set
    owner: NonEmpty  # who answers for it: the name of a principal
    ticket: NonEmpty
    reason: str = ""
    expires: Moment  # from then on it is refused
    actions: Choices = (EVERYONE,)
    resources: Choices = (EVERYONE,)
    subjects: Choices = (EVERYONE,)
    conditions: Mapping[str, Operand] = Field(default_factory=dict)


class Ruling(NamedTuple):
    """What becomes of a rule that matched."""

    honoured: str | None  # the name of the exception
    refused: tuple[str, ...]  # why those that are for this request are not honoured, in words


@dataclass(frozen=True, slots=True)
class Exemption:
    """An exception, ready to be asked."""

    name: str
    expires: datetime
    action: Matcher | None  # None: every action; so for the others
    resource: Matcher | None
    unsure: Matcher | None  # the same for a resource of which only a part is known
    subjects: frozenset[str] | None
    conditions: Predicate | None
    reads: frozenset[str]  # attributes

    @classmethod
    def of(cls, exception: PolicyException, conditions: tuple[Predicate, ...]) -> Exemption:
        """The exception with its conditions, which were compiled as those of an allow are."""
        resources = [normal_glob(pattern) for pattern in exception.resources]
        return cls(
            name=exception.name,
            expires=moment(exception.expires),
            action=compile_globs(exception.actions),
            resource=compile_globs(resources),
            unsure=every_match(resources),
            subjects=None if EVERYONE in exception.subjects else frozenset(exception.subjects),
            conditions=all_of(conditions) if conditions else None,
            reads=paths_of(exception.conditions) | {TIME},
        )

    def fits(self, request: PolicyRequest, resource: str, *, holes: bool) -> bool:
        """Whether it is for this request; a condition without an answer is not met."""
        if self.subjects is not None and self.subjects.isdisjoint(request.selectors):
            return False
        if self.action is not None and not self.action(request.action):
            return False
        match = self.unsure if holes else self.resource
        if match is not None and not match(resource):
            return False
        try:
            return self.conditions is None or self.conditions(request, resource)
        except Undetermined:
            raise  # whether there is doubt is not known
        except Exception:  # noqa: BLE001 - in doubt the rule holds
            return False


@dataclass(frozen=True, slots=True)
class Exemptions:
    """The exceptions from one rule, in the order of the file."""

    entries: tuple[Exemption, ...]

    @property
    def reads(self) -> frozenset[str]:
        """The attributes that they read."""
        return frozenset[str]().union(*(entry.reads for entry in self.entries))

    def rule_on(self, request: PolicyRequest, resource: str, *, holes: bool) -> Ruling:
        """Whether the rule, which matched, is excepted for this request."""
        refused: list[str] = []
        for entry in self.entries:
            if not entry.fits(request, resource, holes=holes):
                continue
            now = _time_of(request)
            if now is not None and now < entry.expires:
                return Ruling(entry.name, ())
            why = "the time of the decision is not known" if now is None else "it has expired"
            refused.append(f"Exception {entry.name!r} is refused: {why}.")
        return Ruling(None, tuple(refused))


def _time_of(request: PolicyRequest) -> datetime | None:
    try:
        value = _read_time(request, "")
        if value is UNKNOWN:
            raise Undetermined(TIME)
        return None if value is None else as_moment(TIME, value)
    except EvaluationError:
        return None
