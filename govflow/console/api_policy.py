"""REST: the policy in force."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from govflow.console.api_access import PREFIX, Asker, Here
from govflow.console.api_errors import ApiRoute, problems
from govflow.console.api_models import LayerAnswer, PolicyAnswer, RuleAnswer
from govflow.policy.rules import PolicyRule
from govflow.services.show_policy import PolicyLayer, show_policy

router: Final = APIRouter(prefix=f"{PREFIX}/policy", tags=["policy"], route_class=ApiRoute)


@router.get("", summary="Show the policy in force", responses=problems())
def policy(_who: Asker, here: Here) -> PolicyAnswer:
    """Its rules, who is asked by which approval rule, its digest, and what it was read from."""
    shown = show_policy(here)
    return PolicyAnswer(
        digest=shown.digest,
        mode=shown.mode,
        environment=shown.environment,
        explicit=shown.explicit,
        layers=tuple(map(_layer, shown.layers)),
        approvals=tuple(rule.model_dump(mode="json") for rule in shown.approvals),
    )


def _layer(layer: PolicyLayer) -> LayerAnswer:
    told = {name: getattr(layer, name) for name in LayerAnswer.model_fields}
    return LayerAnswer(**{**told, "rules": tuple(map(_rule, layer.rules))})


def _rule(rule: PolicyRule) -> RuleAnswer:
    return RuleAnswer.model_validate(rule.model_dump(mode="json", include=set(RuleAnswer.model_fields)))
