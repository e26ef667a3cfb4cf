"""What a tier is judged from, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from govflow.ir.models import Step, Tier


@dataclass(frozen=True, slots=True)
class TierFacts:
    """What is known of a step when it is judged: from its source before the run, from its bound values during it."""

    action: str
    provider: str
    resource: str
    name: str  # of the task or function; in ``tasks.py:load`` what stands before the colon does not count
    environment: str
    records: int | None = None  # how many records it touches; ``None`` where nobody said
    declared: Tier | None = None
    attributes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Constants and bound parameters, read by dotted path (``values.state``)."""
    unbounded: bool = False  # it changes or deletes every row: an UPDATE or DELETE without WHERE

    @classmethod
    def of(
        cls,
        step: Step,
        deed: tuple[str, str, str, bool],
        environment: str,
        *,
        records: int | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> TierFacts:
        """What is known of one thing that a step does.

        Args:
            step: as planned.
            deed: action, provider, resource, and whether it changes or deletes every row.
            environment: where it runs.
            records: how many records it touches.
            attributes: bound parameters; None for what the source tells.
        """
        action, provider, resource, unbounded = deed
        known = step.constants if attributes is None else attributes
        return cls(action, provider, resource, step.callee, environment, records, step.tier, known, unbounded)


@dataclass(frozen=True, slots=True)
class TierFinding:
    """One rule that fired."""

    rule: str
    tier: Tier
    reason: str


@dataclass(frozen=True, slots=True)
class TierVerdict:
    """The tier, and every rule that fired, strongest first; among equals in the order of the rules.

    ``declared`` (the tier that the source declares), ``every-row`` (no WHERE: tier 3) and ``baseline`` (tier 0, always)
    are rules too.
    """

    tier: Tier
    findings: tuple[TierFinding, ...]

    @property
    def deciding(self) -> TierFinding:
        """The finding that set the tier."""
        return self.findings[0]
