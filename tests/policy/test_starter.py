from __future__ import annotations

from typing import Any

import pytest

from govflow.ir.models import StepKind
from govflow.policy.engine import Engine
from govflow.policy.model import Decision, Verdict
from govflow.policy.starter import starter, starter_text
from tests.policy.build import request


def decide(environment: str | None = "development", **step: Any) -> Decision:
    run = {} if environment is None else {"environment": environment}
    return Engine(starter()).decide(request(step={"kind": "task", **step}, run=run))


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize(
    ("tier", "verdict", "approval"),
    [
        (0, Verdict.PASS, None),
        (1, Verdict.PASS, None),
        (2, Verdict.ESCALATE, "one-approver"),
        (3, Verdict.ESCALATE, "two-approvers"),
    ],
)
def test_each_tier_has_its_verdict(environment: str, tier: int, verdict: Verdict, approval: str | None) -> None:
    decision = decide(environment, tier=tier)
    assert (decision.verdict, decision.approval) == (verdict, approval)


def test_tier_three_needs_two_people() -> None:
    assert starter().approvals["two-approvers"]["required"] == 2
    assert starter().approvals["one-approver"]["required"] == 1


@pytest.mark.parametrize("environment", ["production", None])
@pytest.mark.parametrize("tier", [None, 0, 3])
def test_an_unresolved_step_does_not_run_in_production(environment: str | None, tier: int | None) -> None:
    decision = decide(environment, kind=StepKind.UNRESOLVED, tier=tier)
    assert (decision.verdict, decision.rule) == (Verdict.REJECT, "no-unresolved-in-production")


def test_an_unresolved_step_is_judged_by_its_tier_elsewhere() -> None:
    assert decide("development", kind=StepKind.UNRESOLVED, tier=1).verdict is Verdict.PASS


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
