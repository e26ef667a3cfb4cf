"""A suggested policy loads, and does to the flows that were scanned what its comments say."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.governor.assess import Ground, assess
from govflow.identity import Principal
from govflow.ir.models import Step, StepKind
from govflow.policy import Engine, PolicyRequest, load_policy
from govflow.policy.globs import compile_glob, normal_resource
from govflow.services.scan_repository import Scan
from govflow.services.suggest_policy import glob_for, suggest_policy
from govflow.tiers import TierRules
from tests.services.test_scan_repository import doing, effect, with_steps

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def ground(text: str, environment: str = "production") -> Ground:
    return Ground(Engine(load_policy(text, "policy.yaml")), TierRules.default(), "default", environment, "enforce")


def verdicts(scan: Scan, text: str, environment: str = "production") -> dict[str, tuple[str, str]]:
    found = {}
    for flow in scan.flows:
        judged = assess(flow.plan, ground(text, environment), Principal(name="alice"), NOW)
        found.update({key: (str(one.verdict), one.decision.rule) for key, one in judged.steps.items()})
    return found


def a_repository(tmp_path: Path) -> Scan:
    return with_steps(
        tmp_path,
        doing(effect("data:read"), effect("http:get", "https://api.acme.io/{?}", "http")),
        doing(effect("data:delete"), effect("data:read")),
        doing(effect("data:write", "dataset://mart/[x]*?")),
        doing(effect("email:send", "email://smtp", "email")),
        doing(unseen=("acme.push",), resource="task://a/blind"),
        doing(resource="task://a/silent"),
        doing(kind=StepKind.UNRESOLVED, reason="?"),
        doing(effect("file:read", "file://{path}", "filesystem"), approval="owner"),
        doing(action="acme:look", provider="acme-crm", resource="crm://x", declared=True),
        doing(effect("secret:read", "pg://app:gnomon@db/{name}", "vault")),
    )


def test_a_suggested_policy_does_what_it_says(tmp_path: Path) -> None:
    found = a_repository(tmp_path)
    text = suggest_policy(found).text
    got = verdicts(found, text)
    assert {key.rpartition("#")[2]: value for key, value in got.items()} == {
        "nightly": ("pass", "allow-flow-execute"),
        "1": ("pass", "allow-data-read"),
        "2": ("escalate", "high-risk-needs-two"),
        "3": ("escalate", "medium-risk-needs-one"),
        "4": ("escalate", "medium-risk-needs-one"),
        "5": ("pass", "allow-what-is-not-known"),
        "6": ("pass", "allow-task-execute"),
        "7": ("reject", "no-unresolved-in-production"),
        "8": ("pass", "allow-file-read"),
        "9": ("escalate", "medium-risk-needs-one"),
        "10": ("pass", "allow-secret-read"),
    }
    said = {words: int(number) for number, words in re.findall(r"^#\s+(\d+)  (.*)$", text, re.MULTILINE)}
    counted = Counter(verdict for verdict, _ in got.values())
    assert said == {
        "run without a question": counted["pass"],
        "wait for an answer by approval rule one-approver": 3,
        "wait for an answer by approval rule two-approvers": 1,
        "are refused by rule no-unresolved-in-production": counted["reject"],
    }
    assert "gnomon" not in text, "no credential is copied"


def test_what_was_not_there_asks_in_production_and_runs_elsewhere_if_its_risk_is_low(tmp_path: Path) -> None:
    text = suggest_policy(a_repository(tmp_path)).text

    def decide(action: str, resource: str, tier: int, *, production: bool) -> tuple[str, str | None]:
        attributes = {"step": {"kind": "task", "tier": tier}, "run": {"production": production}}
        decision = ground(text).engine.decide(PolicyRequest(frozenset(), action, "postgres", resource, attributes))
        return str(decision.effect), decision.approval

    assert decide("data:read", "dataset://orders", 0, production=True) == ("allow", None)
    assert decide("data:read", "dataset://elsewhere", 0, production=True) == ("require_approval", "one-approver")
    assert decide("data:read", "dataset://elsewhere", 0, production=False) == ("allow", None)
    assert decide("data:read", "dataset://orders", 2, production=True) == ("require_approval", "one-approver")
    assert decide("data:delete", "dataset://orders", 3, production=False) == ("require_approval", "two-approvers")


def test_words_of_the_repository_are_registered(tmp_path: Path) -> None:
    document = suggest_policy(a_repository(tmp_path)).document
    assert (document.actions, document.providers) == (("acme:look",), ("acme-crm",))
    assert set(document.approvals) == {"one-approver", "two-approvers", "owner"}


def test_many_places_become_one_glob(tmp_path: Path) -> None:
    reads = [doing(effect("data:read", f"dataset://sales/t{n}")) for n in range(60)]
    found = with_steps(tmp_path, *reads, doing(effect("data:read", "dataset://hr/people")))
    text = suggest_policy(found).text
    assert re.findall(r'- "(dataset:[^"]*)"', text) == ["dataset://hr/people", "dataset://sales/*"]
    assert all(verdict == "pass" for verdict, _ in verdicts(found, text).values())


def test_a_place_that_nobody_knows_is_marked(tmp_path: Path) -> None:
    found = with_steps(tmp_path, doing(effect("http:get", "{?}", "http")))
    assert '- "*" # the source does not say where: this is anywhere' in suggest_policy(found).text


def test_an_empty_repository_gets_a_policy_too(tmp_path: Path) -> None:
    from tests.services.test_scan_repository import scan

    assert load_policy(suggest_policy(scan(tmp_path)).text, "x").policy.name == "suggested"


HOSTILE = [
    '"',
    "\n  - name: evil",
    "# x",
    "{a: b}",
    "\\",
    "\u2028",
    "\x7f",
    "&a *a !!x",
    "'",
    "%%",
    "[",
    "***",
    "../..",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_resource_stays_a_resource(tmp_path: Path, hostile: str) -> None:
    steps: list[Step] = [
        doing(effect("data:read", f"dataset://{hostile}"), approval=hostile, unseen=(hostile,)),
        doing(resource=f"task://{hostile}", unseen=(hostile,)),
    ]
    found = with_steps(tmp_path, *steps)
    document = load_policy(suggest_policy(found).text, "x")
    assert {rule.name for rule in document.policy.rules} <= {
        "no-unresolved-in-production",
        "high-risk-needs-two",
        "medium-risk-needs-one",
        "allow-data-read",
        "allow-flow-execute",
        "allow-what-is-not-known",
        "low-risk-outside-production",
        "the-rest-needs-one",
    }


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_a_glob_matches_what_it_was_made_for(tail: str) -> None:
    resource = f"dataset://a/{tail}"
    glob = glob_for(resource)
    if glob is not None and "{" not in tail:
        assert compile_glob(glob)(normal_resource(resource))


def test_a_hole_is_a_star() -> None:
    assert glob_for("https://{?}/orders/{id}") == "https://*/orders/*"
    assert glob_for("dataset://a[b]*?") == "dataset://a[[]b][*][?]"
    assert glob_for("pg://app:gnomon@db/x") == "pg://app:*@db/x"
