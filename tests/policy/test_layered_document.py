"""Several policies as one document: what they share, and what an inner layer may not say."""

from __future__ import annotations

from typing import Any

import pytest

from govflow.errors import PolicyError
from govflow.policy import Effect, Layer, PolicyDocument, PolicyRequest, engine_of, layered, load_policy
from govflow.policy.changes import outline
from govflow.policy.possible import possible
from govflow.policy.provided import unprovided
from govflow.policy.unknown import UNKNOWN

DROP = PolicyRequest(frozenset(), "data:drop", "duckdb", "dataset://acme/sales")


def document(name: str, *rules: str, default: str = "allow", more: str = "") -> PolicyDocument:
    lines = "".join(f"    - {rule}\n" for rule in rules)
    head = f"version: 1\npolicy:\n  name: {name}\n  default: {default}\n"
    return load_policy(head + (f"  rules:\n{lines}" if rules else "  rules: []\n") + more, f"{name}.yaml")


COMPANY = document("company", "{name: no-drop, effect: deny, actions: ['data:drop']}")
FLIGHTS = document("flights", "{name: no-drop, effect: allow, actions: ['data:drop']}")


def test_the_document_of_layers_is_decided_by_all_of_them() -> None:
    both = layered({Layer.FLOW: FLIGHTS, Layer.ORG: COMPANY})
    decision = engine_of(both).decide(DROP)
    assert (decision.rule, decision.policy_digest) == ("org/no-drop", both.digest)
    assert list(both.layers) == ["org", "flow"]
    assert (both.policy.name, both.where) == ("company + flights", "org=company.yaml, flow=flights.yaml")
    assert [rule.name for rule in both.policy.rules] == ["org/no-drop", "flow/no-drop"]


def test_the_digest_names_all_layers() -> None:
    digests = {
        layered({Layer.ORG: COMPANY, Layer.FLOW: FLIGHTS}).digest,
        layered({Layer.ORG: FLIGHTS, Layer.FLOW: COMPANY}).digest,
        layered({Layer.ORG: COMPANY}).digest,
        layered({Layer.FLOW: COMPANY}).digest,
        COMPANY.digest,
    }
    assert len(digests) == 5


def approvals(**rules: Any) -> str:
    return "approvals:\n" + "".join(f"  {name}: {{required: {required}}}\n" for name, required in rules.items())


def test_approval_rules_add_up_and_one_name_says_one_thing() -> None:
    org = document("org", more=approvals(two=2))
    assert layered({Layer.ORG: org, Layer.FLOW: document("flow", more=approvals(two=2, one=1))}).approvals.keys() == {
        "two",
        "one",
    }
    with pytest.raises(PolicyError, match=r"flow.yaml: approvals.two: layer org \(org.yaml\) says something else"):
        layered({Layer.ORG: org, Layer.FLOW: document("flow", more=approvals(two=1))})


PEOPLE = "principals:\n  carol: {roles: [owner]}\n"


def test_only_the_outermost_layer_says_who_has_which_role() -> None:
    org = document("org", more=PEOPLE)
    assert layered({Layer.ORG: org, Layer.TASK: document("task", more=PEOPLE)}).principals == org.principals
    for inner in (PEOPLE.replace("carol", "mallory"), PEOPLE.replace("owner", "owner, admin")):
        with pytest.raises(PolicyError, match=r"task.yaml: principals.*: layer task may not say who has which role"):
            layered({Layer.ORG: org, Layer.TASK: document("task", more=inner)})
    with pytest.raises(PolicyError, match="layer tenant may not say who"):
        layered({Layer.ORG: COMPANY, Layer.TENANT: document("tenant", more=PEOPLE)})


def test_words_and_tier_rules_add_up() -> None:
    org = document("org", more="actions: ['crm:merge']\n")
    flow = document("flow", more="actions: ['crm:merge', 'crm:split']\nproviders: [crm]\n")
    both = layered({Layer.ORG: org, Layer.FLOW: flow})
    assert (both.actions, both.providers) == (("crm:merge", "crm:split"), ("crm",))


def test_no_layer_is_refused() -> None:
    with pytest.raises(PolicyError, match="no layer"):
        layered({})


def test_a_change_of_the_default_of_an_inner_layer_shows_in_the_outline() -> None:
    one, other = (
        layered({Layer.ORG: COMPANY, Layer.FLOW: document("flights", default=default)}) for default in ("allow", "deny")
    )
    assert outline(one)["sections"]["policy"] != outline(other)["sections"]["policy"]


def test_what_nobody_provides_is_named_with_the_file_of_its_layer() -> None:
    reading = document(
        "flow",
        "{name: a, effect: deny, conditions: {context.x: {equals: y}}}",
        more="attributes: {context.x: string}\n",
    )
    (found,) = unprovided(layered({Layer.ORG: COMPANY, Layer.FLOW: reading}))
    assert (found.where, found.field) == ("flow.yaml", "policy.rules.a.conditions")


def test_what_layers_may_have_decided_is_the_strictest_of_each() -> None:
    hangs = document("flow", "{name: eu, effect: deny, conditions: {parameters.region: {equals: eu}}}")
    request = PolicyRequest(frozenset(), "data:drop", "duckdb", "dataset://a", {"parameters": {"region": UNKNOWN}})
    open_to_both = possible(engine_of(layered({Layer.ORG: FLIGHTS, Layer.FLOW: hangs})), request)
    assert (open_to_both.effects, open_to_both.hinges) == (
        frozenset({Effect.ALLOW, Effect.DENY}),
        frozenset({"parameters.region"}),
    )
    assert possible(engine_of(layered({Layer.ORG: COMPANY, Layer.FLOW: hangs})), request).certain is Effect.DENY


def test_a_rule_of_stages_says_the_same_in_each_layer() -> None:
    stages = "approvals:\n  two:\n    stages: [{name: s, groups: [{name: g, required: %d}]}]\n"
    both = layered({Layer.ORG: document("org", more=stages % 2), Layer.FLOW: document("flow", more=stages % 2)})
    assert both.approvals["two"]["stages"][0]["groups"][0]["required"] == 2
    with pytest.raises(PolicyError, match="says something else"):
        layered({Layer.ORG: document("org", more=stages % 2), Layer.FLOW: document("flow", more=stages % 1)})
