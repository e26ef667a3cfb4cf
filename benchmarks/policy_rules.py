"""The rules and requests of the benchmark: 28 rules that a company might join, and the same for hundreds of tenants."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, Final

from govflow.policy import PolicyDocument, PolicyRequest, PolicySet, load_policy

_SEED: Final = Path(__file__).parents[1] / "tests" / "policy" / "analysis" / "governance.yaml"
_COST: Final = {"gt": 0.5}  # Cedar and the like have no fractions: asked in whole units here

ACTIONS: Final = (
    "agent:tool_execute", "agent:model_invoke", "data:read", "data:list", "data:write", "data:store", "data:delete",
    "data:export", "data:transfer", "graph:deploy",
)  # fmt: skip
RESOURCES: Final = (
    "tool://shell_execute", "tool://sql_run", "tool://http_get", "tool://web_search", "tool://write_file", "tool://eval",
    "tool://subprocess_call", "tool://calculator", "tool://other", "model://gpt-4", "model://claude-opus-4", "model://small",
    "dataset://phi/a", "dataset://eu_citizens/b", "dataset://card_data/c", "dataset://public/d", "dataset://sensitive/e",
    "dataset://production-sales/f", "dataset://acme/g", "s3://production/h", "s3://scratch/i",
)  # fmt: skip
ROLES: Final = ("role:admin", "role:developer", "role:analyst", "role:guest")

_BAD: Final = frozenset(
    {"contains_command_injection", "contains_path_traversal", "contains_sql_injection", "monthly_budget_exceeded",
     "record_count_high"}
)  # fmt: skip
"""What is false where all is well; all other flags are true then."""


@lru_cache(maxsize=1)
def seed() -> PolicyDocument:
    """The 28 rules, enterprise governance and security hardening, as one first-match set."""
    document = load_policy(_SEED.read_text(encoding="utf-8"), _SEED.name)
    rules = [
        rule.model_copy(
            update={
                "conditions": {path: {"gt": 1} if test == _COST else test for path, test in rule.conditions.items()}
            }
        )
        for rule in document.policy.rules
    ]
    return _built(rules, document)


def tenants(count: int) -> PolicyDocument:
    """So many rules: the 28 for each tenant, whose resources begin with its name."""
    document = seed()
    rules = []
    for number in range(count):
        rule = document.policy.rules[number % 28]
        tenant = f"t{number // 28}"
        globs = [_of_tenant(glob, tenant) for glob in rule.resources]
        rules.append(rule.model_copy(update={"name": f"{tenant}.{rule.name}", "resources": globs}))
    return _built(rules, document)


def words(count: int, letters: int) -> PolicyDocument:
    """Globs that match anywhere in a resource: ``*w0042*``, or of two letters, which no index can file."""
    texts = [f"w{number:04}" if letters > 2 else _two(number) for number in range(count)]
    rules = [{"name": f"r{number}", "effect": "deny", "resources": [f"*{text}*"]} for number, text in enumerate(texts)]
    return PolicyDocument.build(PolicySet.model_validate({"name": "words", "default": "allow", "rules": rules}))


def requests(document: PolicyDocument, count: int = 1000, tenant_count: int = 0, seed_: int = 1) -> list[PolicyRequest]:
    """Distinct requests, drawn by chance from what the rules speak of."""
    random = Random(seed_)
    flags = [path.partition(".")[2] for path, kind in document.schema.declared.items() if kind == "bool"]
    found: dict[str, PolicyRequest] = {}
    while len(found) < count:
        context: dict[str, Any] = {
            name: (name not in _BAD) is (random.random() < 0.9) for name in flags if random.random() < 0.95
        }
        context["environment"] = random.choice(["production", "development", "staging"])
        context["destination_region"] = random.choice(["eu-west-1", "eu-north-1", "us-east-1"])
        for name, most in (("estimated_cost", 2), ("auth_age_minutes", 20), ("export_size_bytes", 1_500_000_000)):
            if random.random() < 0.95:
                context[name] = random.randint(0, most)
        resource = random.choice(RESOURCES)
        if tenant_count:
            resource = _of_tenant(resource, f"t{random.randrange(tenant_count)}")
        one = PolicyRequest(
            frozenset({random.choice(ROLES), f"user:u{random.randrange(50)}"}),
            random.choice(ACTIONS),
            "python",
            resource,
            {"context": context, "step": {"tier": random.randrange(4)}, "run": {"mode": "enforce"}},
        )
        found[repr((sorted(one.selectors), one.action, one.resource, context))] = one
    return list(found.values())


def zipf(distinct: list[PolicyRequest], count: int, seed_: int = 2) -> list[PolicyRequest]:
    """Requests as they come: few of them often, most seldom."""
    weights = [1 / rank for rank in range(1, len(distinct) + 1)]
    return Random(seed_).choices(distinct, weights, k=count)


def _of_tenant(resource: str, tenant: str) -> str:
    scheme, mark, rest = resource.partition("://")
    return f"{scheme}://{tenant}/{rest}" if mark else f"*://{tenant}/{resource}"


def _two(number: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    return letters[number % 36] + letters[number // 36 % 36]


def _built(rules: list[Any], document: PolicyDocument) -> PolicyDocument:
    return PolicyDocument.build(
        document.policy.model_copy(update={"rules": tuple(rules)}),
        attributes={path: str(kind) for path, kind in document.schema.declared.items()},
        actions=document.actions,
    )
