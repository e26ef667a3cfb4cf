from __future__ import annotations

from typing import Any

import pytest

from govflow.ir.models import StepKind
from govflow.policy.engine import Engine
from govflow.policy.model import Decision, Verdict
from govflow.policy.starter import starter, starter_text
from govflow.tiers import TierRules
from tests.policy.build import request


def decide(production: bool | None = False, **step: Any) -> Decision:
    run = {} if production is None else {"production": production}
    return Engine(starter()).decide(request(step={"kind": "task", **step}, run=run))


@pytest.mark.parametrize("production", [False, True])
@pytest.mark.parametrize(
    ("tier", "verdict", "approval"),
    [
        (0, Verdict.PASS, None),
        (1, Verdict.PASS, None),
        (2, Verdict.ESCALATE, "one-approver"),
        (3, Verdict.ESCALATE, "two-approvers"),
    ],
)
def test_each_tier_has_its_verdict(production: bool, tier: int, verdict: Verdict, approval: str | None) -> None:
    decision = decide(production, tier=tier)
    assert (decision.verdict, decision.approval) == (verdict, approval)


def test_tier_three_needs_two_people() -> None:
    assert starter().approvals["two-approvers"]["required"] == 2
    assert starter().approvals["one-approver"]["required"] == 1


@pytest.mark.parametrize("production", [True, None])
@pytest.mark.parametrize("tier", [None, 0, 3])
def test_an_unresolved_step_does_not_run_in_production(production: bool | None, tier: int | None) -> None:
    """Nor where nobody says whether it is production."""
    decision = decide(production, kind=StepKind.UNRESOLVED, tier=tier)
    assert (decision.verdict, decision.rule) == (Verdict.REJECT, "no-unresolved-in-production")


@pytest.mark.parametrize("environment", ["prod", "PROD", "live", "eu-prod", "production"])
def test_production_by_another_name_is_production(environment: str) -> None:
    """The rule asks what the tier rules say of the environment, not how it is spelt."""
    run = {"environment": environment, "production": TierRules.default().is_production(environment)}
    judged = Engine(starter()).decide(request(step={"kind": StepKind.UNRESOLVED, "tier": 0}, run=run))
    assert judged.verdict is Verdict.REJECT


@pytest.mark.parametrize("answer", ["false", 0, "no"])
def test_an_answer_that_is_no_yes_or_no_does_not_pass(answer: Any) -> None:
    assert decide(answer, kind=StepKind.UNRESOLVED, tier=0).verdict is Verdict.REJECT


def test_an_unresolved_step_is_judged_by_its_tier_elsewhere() -> None:
    assert decide(False, kind=StepKind.UNRESOLVED, tier=1).verdict is Verdict.PASS


def test_a_step_whose_tier_is_not_known_needs_two_people() -> None:
    assert decide(tier=None).approval == "two-approvers"


@pytest.mark.parametrize("tier", [-1, 4, "0", True, 0.0])
def test_a_tier_that_there_is_not_never_passes(tier: Any) -> None:
    assert decide(tier=tier).verdict is not Verdict.PASS


def test_the_file_explains_every_rule() -> None:
    lines = starter_text().splitlines()
    for number, line in enumerate(lines):
        if line.strip().startswith("- name:"):
            assert lines[number - 1].strip().startswith("#"), line
