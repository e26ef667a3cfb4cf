"""Policies and requests drawn by chance: from a seed, or by Hypothesis, which shrinks what it draws."""

from __future__ import annotations

from random import Random
from typing import Any

from govflow.policy.model import Effect, PolicyRequest
from govflow.policy.rules import Combining, PolicySet

ACTIONS = ["data:read", "data:write", "data:delete", "file:read", "process:execute"]
RESOURCES = [
    "dataset://phi/a", "dataset://phi/payroll/2026", "dataset://acme/x", "S3://phi/x/../b", "file", "tool://sql_run",
    "https://API.acme.io/v1?q=phi", "s3://prod-payroll/x", "dataset://phi/../../x", "a/payroll", "phi", "dataset://x/phi-2",
]  # fmt: skip
GLOBS = [
    "*", "dataset://phi/*", "*payroll*", "dataset://*", "tool://sql_*", "*phi", "s3://*/x", "dataset://?cme/x", "*://phi/*",
    "dataset://[ap]*", "file", "*a*", "https://api.acme.io/*", "*/[!b]", "ph*", "dataset://phi/a", "*-payroll/*",
]  # fmt: skip
SELECTORS = ["role:admin", "role:dev", "user:bob", "tenant:acme", "tenant:umbrella"]
TIMES = ["2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z", "2027-06-01T12:00:00+02:00"]
DAYS = ["2027-01-01", "2027-06-01T10:00:00Z", "2026-01-01"]
PATHS = [
    "parameters.x", "parameters.y", "step.tier", "run.flow", "run.production", "subject.roles", "run.time", "action",
    "provider", "resource", "resource.scheme", "resource.authority", "resource.path", "resource.same_tenant",
]  # fmt: skip
EXPRESSIONS = [
    "step.tier > 1", "step.tier + 1 == 3 || run.production", "parameters.x == parameters.y", "10 / step.tier > 4",
    "parameters.x.startsWith('a')", "run.flow in ['a', 'phi'] && !run.production", "'dev' in subject.roles",
    "size(parameters.x) > 1 ? step.tier < 2 : false", "parameters.y > 1.5", "parameters.x",
]  # fmt: skip
WORDS = ["a", "ab", "phi", "10.0.0.1", "2027-01-01", "acme", "data:read", "dataset", "/a"]


def one_test(random: Random, path: str, *, exists: bool) -> dict[str, Any]:
    """An operator that fits the path, and its operand."""
    if random.random() < 0.15:
        return {"exists": exists}
    if path == "step.tier":
        return _number(random)
    if path in {"run.production", "resource.same_tenant"}:
        return {random.choice(["equals", "not_equals"]): random.random() < 0.5}
    if path == "subject.roles":
        return random.choice([{"contains": "dev"}, {"any_of": ["dev", "ops"]}, {"not_any_of": ["admin"]}])
    if path == "run.time":
        return {random.choice(["before", "after"]): random.choice(DAYS)}
    text = _text(random)
    return random.choice([text, _number(random), _mixed(random)]) if path.startswith("parameters.") else text


def _number(random: Random) -> dict[str, Any]:
    name = random.choice(["equals", "not_equals", "gt", "gte", "lt", "lte", "between", "any_of", "not_any_of"])
    low = random.randint(0, 3)
    return {name: [low, low + 1] if name in {"between", "any_of", "not_any_of"} else low}


def _text(random: Random) -> dict[str, Any]:
    name = random.choice(["equals", "not_equals", "any_of", "not_any_of", "contains", "glob", "matches", "cidr"])
    word = random.choice(WORDS)
    operands: dict[str, Any] = {
        "any_of": [word, random.choice(WORDS)],
        "not_any_of": [word, random.choice(WORDS)],
        "glob": random.choice(["a*", "*phi*", "?", "[ap]*", "*"]),
        "matches": random.choice(["^a+b?$", ".*phi.*", "^[a-z]+://.*", r"^\d+\..*", "^(a|phi)$"]),
        "cidr": random.choice(["10.0.0.0/8", ["192.168.0.0/16", "10.0.0.1"], "fd00::/8"]),
    }
    return {name: operands.get(name, word)}


def _mixed(random: Random) -> dict[str, Any]:
    return random.choice(
        [
            {"equals": True},
            {"any_of": [1, "a", True]},
            {"contains": 1},
            {"before": "2027-01-01"},
            {"after": "2026-01-01"},
        ]
    )


def conditions(random: Random, restricts: bool, depth: int = 0) -> dict[str, Any]:
    """At least one condition; ``exists`` stands only where it may."""
    found: dict[str, Any] = {}
    for _ in range(random.randint(1, 2)):
        kind = random.random()
        if kind < 0.05:
            found["cel"] = random.choice(EXPRESSIONS)
        elif depth > 2 or kind < 0.7:
            path = random.choice(PATHS)
            found[path] = one_test(random, path, exists=not restricts)
        elif kind < 0.8:
            found["not"] = conditions(random, not restricts, depth + 1)
        else:
            name = "all" if kind < 0.85 else "any"
            found[name] = [conditions(random, restricts, depth + 1) for _ in range(random.randint(1, 2))]
    return found


def _some(random: Random, choices: list[str], whole: float) -> list[str]:
    return ["*"] if random.random() < whole else random.sample(choices, random.randint(1, 2))


def rule(random: Random, name: str) -> dict[str, Any]:
    """A rule, as a file would hold it."""
    effect = random.choice([*Effect])
    fields: dict[str, Any] = {
        "name": name,
        "effect": effect,
        "actions": _some(random, ["data:*", "data:read", "*:delete", "file:read", "process:*", "data:write"], 0.5),
        "resources": _some(random, GLOBS, 0.4),
        "subjects": _some(random, SELECTORS, 0.7),
        "priority": random.randint(0, 4),
        "obligations": random.choice([[], [], ["log"], ["mask", "log"]]),
        "mode": random.choice(["enforce", "enforce", "enforce", "enforce", "shadow", "off"]),
        "level": random.choice(["hard-mandatory", "hard-mandatory", "soft-mandatory", "soft-mandatory", "advisory"]),
    }
    if random.random() < 0.5:
        fields["conditions"] = conditions(random, effect is not Effect.ALLOW)
    if random.random() < 0.1:
        fields["expires"] = random.choice(DAYS)
    if random.random() < 0.15:
        by = random.choice(["run.flow", "parameters.x", "subject.name"])
        fields["rollout"] = {"percent": random.choice([0, 30, 70, 100]), "by": by}
    return fields


def policy(random: Random, most: int = 12) -> PolicySet:
    """A set whose fields are all in use now and then."""
    rules = [rule(random, f"r{number}") for number in range(random.randint(0, most))]
    soft = [one["name"] for one in rules if one["level"] == "soft-mandatory" and one["effect"] is not Effect.ALLOW]
    exceptions = [
        {
            "name": f"e{number}", "rule": random.choice(soft), "owner": "carol", "ticket": "T-1",
            "expires": random.choice(DAYS), "subjects": _some(random, SELECTORS, 0.6),
            "resources": _some(random, GLOBS, 0.5),
            "conditions": conditions(random, restricts=False) if random.random() < 0.3 else {},
        }
        for number in range(random.randint(0, 4) if soft else 0)
    ]  # fmt: skip
    bands = {"security": {"priorities": [1, 2], "security": True}} if random.random() < 0.4 else {}
    return PolicySet.model_validate(
        {
            "name": "drawn", "default": random.choice([*Effect]), "combining": random.choice([*Combining]),
            "rules": rules, "exceptions": exceptions, "bands": bands,
        }
    )  # fmt: skip


def request(random: Random) -> PolicyRequest:
    """A request, with values that are missing or of the wrong type now and then."""
    spaces: dict[str, Any] = {}
    values: list[Any] = [*WORDS, 0, 1, 2.5, True, None, ["a", 1], {"a": 1}, "2026-12-01T00:00:00Z"]
    if random.random() < 0.9:
        spaces["parameters"] = {key: random.choice(values) for key in "xy" if random.random() < 0.8}
    if random.random() < 0.9:
        spaces["step"] = {"tier": random.choice([0, 1, 2, 3, 3, None, "3", 1.5])}
    if random.random() < 0.9:
        spaces["run"] = {
            "flow": random.choice([*WORDS, None]), "production": random.choice([True, False, None, "true"]),
            "time": random.choice([*TIMES, None, "soon"]), "mode": random.choice(["observe", "enforce"]),
            "tenant": random.choice(["acme", "phi", None, 1]),
        }  # fmt: skip
    if random.random() < 0.8:
        spaces["subject"] = {
            "name": random.choice("abc"),
            "roles": random.choice([["dev"], ["admin", "ops"], [], "dev"]),
        }
    selectors = frozenset(name for name in SELECTORS if random.random() < 0.3)
    return PolicyRequest(selectors, random.choice(ACTIONS), "postgres", random.choice(RESOURCES), spaces)
