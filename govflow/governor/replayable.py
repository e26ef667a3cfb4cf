"""What the log keeps of a decision, so that it can be made once more: by the same policy, or by another one.

A decision about a step that no parameter can change is recorded once, with the plan that a run opens under; one about a
call, or about the size of a map, with that. Values of parameters are never part of a record: they go beside it, from
where they can be erased.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from govflow.governor.values import placeholders

if TYPE_CHECKING:
    from govflow.governor.assess import StepAssessment
    from govflow.governor.governed_run import Permit

RESOURCE: Final = "request.resource"
"""The name of a resource, among the values of a record, that parameters were filled into."""

_BESIDE: Final = "parameters"


def replayable(assessment: StepAssessment) -> dict[str, Any]:
    """What was asked. ``also``: the other things that the step does, as far as they differ."""
    shown = _shown(assessment.attributes)
    request: dict[str, Any] = {
        "action": assessment.action,
        "provider": assessment.provider,
        "resource": assessment.resource,
        "attributes": shown,
    }
    decided = (assessment.action, assessment.provider, assessment.resource)
    also = [
        {
            "action": one.action,
            "provider": one.provider,
            "resource": one.resource,
            "attributes": _differing(_shown(one.attributes), shown),
        }
        for one in assessment.asked
        if (one.action, one.provider, one.resource) != decided
    ]
    if also:
        request["also"] = also
    return request


def _differing(attributes: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """The sections that are not as in ``others``; ``None`` for one that is not there at all."""
    names = attributes.keys() | others.keys()
    return {name: attributes.get(name) for name in sorted(names) if attributes.get(name) != others.get(name)}


def decided(assessment: StepAssessment) -> dict[str, Any]:
    """A decision that was taken for itself, for a payload."""
    decision = assessment.decision
    said: dict[str, Any] = {
        "tier": int(assessment.tier),
        "verdict": str(decision.verdict),
        "rule": decision.rule,
        "rules": list(decision.rules),
        "reason": decision.reason,
        "policy_digest": decision.policy_digest,
        "request": replayable(assessment),
    }
    for name in ("stride", "compliance", "exceptions"):
        if named := getattr(decision, name):
            said[name] = [str(one) for one in named]
    if assessment.withheld:
        said["withheld"] = list(assessment.withheld)
    return said


def decided_anew(permit: Permit, assessment: StepAssessment, values: dict[str, Any]) -> dict[str, Any]:
    """The same for a call whose parameters were read. Below tier 2 a resource that they fill goes into ``values``."""
    said = decided(assessment)
    template = permit.step.resource
    if assessment.tier < _LOOKED_AT and placeholders(template) and assessment.resource != template:
        values[RESOURCE] = assessment.resource
        request = said["request"]
        filled = assessment.resource
        request["resource"] = template
        for one in request.get("also", ()):
            if one["resource"] == filled:
                one["resource"] = template
    return said


_LOOKED_AT: Final = 2  # from this tier on people may be asked, and the resource is named where they are


def decided_from_source(steps: Mapping[str, Permit]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What is said of a whole plan: the attributes that all its steps share, and what to add for each step.

    Only steps whose answer no parameter can change are decided by their source.
    """
    requests = {name: decided(permit.assessment) for name, permit in steps.items() if permit.static}
    shown = [said["request"]["attributes"] for said in requests.values()]
    shared = {name: value for name, value in (shown[0] if shown else {}).items() if _in_all(shown, name, value)}
    for said in requests.values():
        request = said["request"]
        request["attributes"] = {name: value for name, value in request["attributes"].items() if name not in shared}
        del said["policy_digest"]
    return shared, requests


def _in_all(shown: list[dict[str, Any]], name: str, value: Any) -> bool:
    return all(one.get(name) == value for one in shown)


def _shown(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (attributes or {}).items() if name != _BESIDE}
