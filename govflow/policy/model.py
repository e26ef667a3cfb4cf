"""Policy as data: effects, requests, decisions. Rules are in :mod:`govflow.policy.rules`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Effect(StrEnum):
    """What a rule, and so a decision, says."""

    ALLOW = "allow"
    DENY = "deny"
    REQUIRE_APPROVAL = "require_approval"


class Stride(StrEnum):
    """What a rule protects from, in the words of the STRIDE threat model."""

    SPOOFING = "spoofing"
    TAMPERING = "tampering"
    REPUDIATION = "repudiation"
    INFORMATION_DISCLOSURE = "information-disclosure"
    DENIAL_OF_SERVICE = "denial-of-service"
    ELEVATION_OF_PRIVILEGE = "elevation-of-privilege"


class Verdict(StrEnum):
    """What becomes of a run or a step."""

    PASS = "pass"
    ESCALATE = "escalate"
    REJECT = "reject"


VERDICT_OF: Mapping[Effect, Verdict] = {
    Effect.ALLOW: Verdict.PASS,
    Effect.REQUIRE_APPROVAL: Verdict.ESCALATE,
    Effect.DENY: Verdict.REJECT,
}


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """What is asked: may ``subject`` do ``action`` on ``resource``?

    ``attributes`` is read by dotted paths, the namespaces are those of :mod:`govflow.policy.attributes`:
    ``subject.*``, ``resource.*``, ``step.*``, ``run.*``, ``context.*``, ``parameters.*``.
    """

    selectors: frozenset[str]  # of the subject: ``user:alice``, ``role:admin``, ``tenant:acme``
    action: str
    provider: str
    resource: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, and why. ``rule`` is ``default`` when no rule matched; ``error`` when evaluation failed."""

    effect: Effect
    rule: str
    reason: str
    policy_digest: str
    rules: tuple[str, ...] = ()  # every rule that matched, in the order they were considered
    approval: str | None = None  # the approval rule that a ``require_approval`` names
    obligations: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()  # that were honoured, so that a rule which matched did not decide
    stride: tuple[Stride, ...] = ()  # of the deciding rule
    compliance: tuple[str, ...] = ()  # of the deciding rule
    tier: int | None = None  # of the step, where the request says it
    mode: str | None = None  # in which it was taken: ``observe`` or ``enforce``, where the request says it

    @property
    def verdict(self) -> Verdict:
        """The verdict that the effect leads to."""
        return VERDICT_OF[self.effect]


class PolicyEngine(Protocol):
    """Decides requests against one immutable policy set.

    A compiled engine may stand behind this: ``footprint`` names every attribute path that any rule reads, so that a
    caller can build a memo key from just those; ``digest`` changes whenever the set does.
    """

    @property
    def digest(self) -> str:
        """``sha256:`` digest of the canonical form of the set."""

    @property
    def footprint(self) -> frozenset[str]:
        """Attribute paths read by any rule, for example ``parameters.region``."""

    def decide(self, request: PolicyRequest) -> Decision:
        """Decide; never raises: an evaluation error is a deny."""
