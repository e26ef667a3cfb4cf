"""A policy in several files: what they say together, and the errors of those that do not fit."""

from __future__ import annotations

import pytest

from govflow.errors import PolicyError
from govflow.policy.document import PolicyDocument, load_policy
from govflow.policy.engine import Engine
from govflow.policy.model import Effect
from tests.policy.build import request

BASE = """
version: 1
attributes: {context.ticket: string}
approvals: {two: {required: 2}}
actions: ["ledger:post"]
policy:
  name: base
  default: allow
  bands: {security: {priorities: [1, 10], security: true}}
  rules:
    - {name: no-shell, effect: deny, actions: ["process:*"], priority: 1}
    - {name: no-drop, effect: deny, actions: ["data:drop"], level: soft-mandatory}
"""
MAIN = """
version: 1
imports: [base.yaml]
policy:
  name: main
  rules:
    - name: ask
      effect: require_approval
      actions: ["ledger:*"]
      approval: two
      conditions: {context.ticket: {exists: false}}
    - {name: reads, effect: allow, actions: ["data:read"]}
  exceptions:
    - {name: move, rule: no-drop, owner: carol, ticket: T-1, expires: 2027-01-01}
"""


def loaded(main: str = MAIN, **others: str) -> PolicyDocument:
    files = {"base.yaml": BASE, **{name.replace("_", "."): text for name, text in others.items()}}

    def importer(name: str, where: str) -> tuple[str, str]:
        if name not in files:
            raise PolicyError(f"{name} is not there", mend="Mend the name.")
        return name, files[name]

    return load_policy(main, "main.yaml", importer=importer)


def refused(main: str = MAIN, **others: str) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        loaded(main, **others)
    return caught.value


def test_imported_rules_come_before_the_files_own() -> None:
    document = loaded()
    assert [rule.name for rule in document.policy.rules] == ["no-shell", "no-drop", "ask", "reads"]
    assert (document.policy.name, document.policy.default_effect) == ("main", Effect.DENY)
    assert document.policy.bands.keys() == {"security"}
    engine = Engine(document)
    assert engine.decide(request("ledger:post")).approval == "two"
    assert engine.decide(request("data:read")).rule == "reads"
    assert engine.decide(request("data:drop")).rule == "no-drop"
    assert engine.decide(request("data:drop", run={"time": "2026-12-01T00:00:00Z"})).exceptions == ("move",)


def test_the_digest_is_that_of_the_same_rules_in_one_file() -> None:
    split = """
version: 1
imports: [rules.yaml]
policy: {name: p}
"""
    rules = "version: 1\npolicy: {name: other, rules: [{name: r, effect: allow}]}"
    whole = "version: 1\npolicy: {name: p, rules: [{name: r, effect: allow}]}"
    assert loaded(split, rules_yaml=rules).digest == load_policy(whole, "x.yaml").digest
    assert loaded(split, rules_yaml=rules.replace("allow", "deny")).digest != load_policy(whole, "x.yaml").digest


def test_a_file_that_two_others_import_counts_once() -> None:
    main = "version: 1\nimports: [a.yaml, b.toml]\npolicy: {name: m}"
    a = "version: 1\nimports: [base.yaml]\npolicy: {name: a, rules: [{name: a, effect: deny}]}"
    b = 'version = 1\nimports = ["base.yaml"]\n[policy]\nname = "b"'
    document = loaded(main, a_yaml=a, b_toml=b)
    assert [rule.name for rule in document.policy.rules] == ["no-shell", "no-drop", "a"]


def base(old: str, new: str) -> dict[str, str]:
    assert old in BASE
    return {"base_yaml": BASE.replace(old, new, 1)}


CIRCLE = {**base("version: 1", "version: 1\nimports: [main.yaml]"), "main_yaml": MAIN}


@pytest.mark.parametrize(
    ("main", "others", "says"),
    [
        (
            MAIN.replace("base.y", "bse.y"),
            {},
            "main.yaml:3: imports[0]: 'bse.yaml' cannot be imported: bse.yaml is not",
        ),
        (MAIN, base("deny", "dney"), "base.yaml:11: policy.rules[0].effect: not one of the words"),
        (MAIN, CIRCLE, "base.yaml:3: imports[0]: 'main.yaml' leads back"),
        (MAIN, base("no-drop", "reads"), "main.yaml:12: policy.rules[1].name: base.yaml has one that"),
        (MAIN + "approvals: {two: {required: 1}}", {}, "main.yaml:15: approvals.two: an imported file says otherwise"),
        (MAIN + "attributes: {context.ticket: int}", {}, "attributes[context.ticket]: an imported file says otherwise"),
        (MAIN + "attributes: {context.ticket.id: int}", {}, "overlaps 'context.ticket.id'"),
        (MAIN, base("default: allow", "combining: deny_overrides"), "combines by first_match"),
        (MAIN, base("level: soft", "level: hard"), "exceptions[0].rule: rule 'no-drop' is hard-mandatory"),
        (MAIN.replace("rule: no-drop", "rule: no-dorp"), {}, "policy.exceptions[0].rule: there is no rule 'no-dorp'"),
        (MAIN + "principals: {Bob: {}}", {"base_yaml": BASE + "principals: {bob: {}}"}, "differ only in case"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(main: str, others: dict[str, str], says: str) -> None:
    error = refused(main, **others)
    assert says in error.message
    assert error.mend


def test_nothing_is_imported_where_no_file_can_be_read() -> None:
    with pytest.raises(PolicyError, match=r"imports\[0\]: nothing can be imported here"):
        load_policy(MAIN, "main.yaml")


def test_chains_have_an_end() -> None:
    def importer(name: str, where: str) -> tuple[str, str]:
        return name, f"version: 1\nimports: ['{int(name) + 1}']\npolicy: {{name: p}}"

    with pytest.raises(PolicyError, match="more than 100 files"):
        load_policy("version: 1\nimports: ['1']\npolicy: {name: p}", "main.yaml", importer=importer)
