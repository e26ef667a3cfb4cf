"""docs/policy.md once more, as plainly as it can be written: no index, no compilation, no caches.

The engine is held against it. Nothing here is taken from the engine but the normal form of resources, which has its own
tests, and the bucket of a rollout, which is a hash.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import cel

from govflow.policy.globs import NoNormalForm, normal_glob, normal_resource
from govflow.policy.model import Effect, PolicyRequest
from govflow.policy.rollout import bucket
from govflow.policy.rules import Combining, PolicyRule, PolicySet

Answer = bool | None  # None: there is none
STRICT = [Effect.DENY, Effect.REQUIRE_APPROVAL, Effect.ALLOW]
TYPES: dict[str, str] = {
    "resource.same_tenant": "bool",
    "run.production": "bool",
    "run.time": "time",
    "step.records": "int",
    "step.tier": "int",
    "subject.roles": "list",
}
FIELDS = ("action", "provider")


class NoAnswer(Exception):
    """A value of the wrong type."""


def said(policy: PolicySet, asked: PolicyRequest) -> tuple[Effect, str, list[str], list[str], list[str]]:
    """Effect, deciding rule, matching rules, obligations, and honoured exceptions."""
    try:
        resource = normal_resource(asked.resource)
    except NoNormalForm:
        return Effect.DENY, "error", [], [], []
    names: list[str] = []
    honoured: list[str] = []
    matched: list[PolicyRule] = []
    considered = sorted(policy.rules, key=lambda rule: (rule.priority, STRICT.index(rule.effect)))
    for rule in considered:
        if rule.mode == "off":
            continue
        if matched and policy.combining is Combining.FIRST_MATCH and not secures(policy, rule):
            continue
        silent = "shadow" if rule.mode == "shadow" else "advisory" if rule.level == "advisory" else ""
        answer = matches(rule, asked, resource)
        inside = within(rule, asked) if answer and not silent else True
        if answer is None or inside is None:
            names.append(f"{silent}-error:{rule.name}" if silent else f"error:{rule.name}")
            if silent:
                continue
            return Effect.DENY, "error", names, [], []
        if not answer:
            continue
        if silent or not inside:
            names.append(f"{silent or 'shadow'}:{rule.name}")
            continue
        if (exception := excepted(policy, rule, asked, resource)) is not None:
            names.append(f"exempt:{rule.name}")
            honoured.append(exception)
            continue
        names.append(rule.name)
        matched.append(rule)
    if not matched:
        return policy.default_effect, "default", names, [], honoured
    winner = combined(policy, matched)
    obligations = [word for rule in matched if rule.effect is winner.effect for word in rule.obligations]
    return winner.effect, winner.name, names, list(dict.fromkeys(obligations)), honoured


def combined(policy: PolicySet, matched: list[PolicyRule]) -> PolicyRule:
    if policy.combining is Combining.FIRST_MATCH:
        winner = matched[0]
    else:
        order = STRICT if policy.combining is Combining.DENY_OVERRIDES else STRICT[::-1]
        winner = next(rule for effect in order for rule in matched if rule.effect is effect)
    strictest = next(
        (rule for effect in STRICT for rule in matched if rule.effect is effect and secures(policy, rule)), None
    )
    if strictest is not None and STRICT.index(strictest.effect) <= STRICT.index(winner.effect):
        return strictest
    return winner


def secures(policy: PolicySet, rule: PolicyRule) -> bool:
    if rule.effect is Effect.ALLOW:
        return False
    return any(
        band.security and band.priorities[0] <= rule.priority <= band.priorities[1] for band in policy.bands.values()
    )


def matches(rule: PolicyRule, asked: PolicyRequest, resource: str) -> Answer:
    if not targeted(rule, asked, resource):
        return False
    restricts = rule.effect is not Effect.ALLOW
    answers = [every(rule.conditions, asked, resource, restricts)]
    if rule.expires is not None:
        answers.append(every({"run.time": {"before": rule.expires}}, asked, resource, restricts))
    return all_answers(answers)


def targeted(rule: Any, asked: PolicyRequest, resource: str) -> bool:
    return (
        any(fnmatch.fnmatchcase(asked.action, glob) for glob in rule.actions)
        and any(fnmatch.fnmatchcase(resource, normal_glob(glob)) for glob in rule.resources)
        and ("*" in rule.subjects or any(name in asked.selectors for name in rule.subjects))
    )


def within(rule: PolicyRule, asked: PolicyRequest) -> Answer:
    if rule.rollout is None:
        return True
    try:
        value = read(rule.rollout.by, asked, "")
    except NoAnswer:
        return None
    if value is None:
        return rule.effect is not Effect.ALLOW
    if not isinstance(value, str | int):
        return None
    return bucket(rule.name, str(value)) < rule.rollout.percent


def excepted(policy: PolicySet, rule: PolicyRule, asked: PolicyRequest, resource: str) -> str | None:
    for exception in policy.exceptions:
        if exception.rule != rule.name or not targeted(exception, asked, resource):
            continue
        if not every(exception.conditions, asked, resource, restricts=False):
            continue
        try:
            now = read("run.time", asked, resource)
            if now is not None and moment(now) < moment(exception.expires):
                return exception.name
        except NoAnswer:
            continue
    return None


def every(conditions: Mapping[str, Any], asked: PolicyRequest, resource: str, restricts: bool) -> Answer:
    answers: list[Answer] = []
    for path, held in conditions.items():
        if path == "all":
            answers.append(all_answers([every(part, asked, resource, restricts) for part in held]))
        elif path == "any":
            parts = [every(part, asked, resource, restricts) for part in held]
            answers.append(True if True in parts else None if None in parts else False)
        elif path == "not":
            answer = every(held, asked, resource, not restricts)
            answers.append(None if answer is None else not answer)
        elif path == "cel":
            answers.append(expression(held, asked, resource, restricts))
        else:
            answers += [met(path, operator, operand, asked, resource, restricts) for operator, operand in held.items()]
    return all_answers(answers)


def expression(source: str, asked: PolicyRequest, resource: str, restricts: bool) -> Answer:
    """Of expressions whose texts hold no dots and no words that are paths: these tests write no others."""
    paths = re.findall(r"(?:parameters|step|run|subject)\.\w+", source)
    try:
        values = {path: read(path, asked, resource) for path in paths}
        if None in values.values():
            for path, value in values.items():
                fits(path, value)
            return restricts
        spaces: dict[str, dict[str, Any]] = {}
        for path, value in values.items():
            fits(path, value)
            space, key = path.split(".")
            spaces.setdefault(space, {})[key] = value
        answer = cel.evaluate(source, spaces)
    except (NoAnswer, TypeError, ValueError, RuntimeError, ArithmeticError, LookupError):
        return None
    return answer if isinstance(answer, bool) else None


def fits(path: str, value: Any) -> None:
    if value is None:
        return
    declared = TYPES.get(path, "any" if path.startswith("parameters.") else "string")
    if declared == "any":
        need(value, "text", "number", "bool", "list")
    elif declared == "int":
        need(value, "number")
        if isinstance(value, float):
            raise NoAnswer
    else:
        need(value, "text" if declared == "string" else declared)


def all_answers(answers: list[Answer]) -> Answer:
    return False if False in answers else None if None in answers else True


def met(path: str, operator: str, operand: Any, asked: PolicyRequest, resource: str, restricts: bool) -> Answer:
    try:
        value = read(path, asked, resource)
        if operator == "exists":
            return (value is not None) is bool(operand)
        if value is None:
            return restricts
        declared = TYPES.get(path, "any" if path.startswith("parameters.") else "string")
        if declared != "any" and kind(value) != (
            "number" if declared == "int" else "text" if declared in ("string", "time") else declared
        ):
            raise NoAnswer
        if declared == "int" and isinstance(value, float):
            raise NoAnswer
        return holds(operator, operand, value)
    except NoAnswer:
        return None


def read(path: str, asked: PolicyRequest, resource: str) -> Any:
    if path in FIELDS:
        return getattr(asked, path)
    if path == "resource":
        return resource
    if path.startswith("resource."):
        if path == "resource.same_tenant":
            tenant = read("run.tenant", asked, resource)
            if tenant is not None:
                need(tenant, "text")
            return None if tenant is None else read("resource.authority", asked, resource) == tenant
        taken = re.fullmatch(r"(?:([a-z][a-z0-9+.-]*)://([^/?#]*))?([^?#]*)(?:[?#].*)?", resource, re.DOTALL)
        assert taken is not None
        return taken[{"scheme": 1, "authority": 2, "path": 3}[path.removeprefix("resource.")]] or None
    value: Any = asked.attributes
    for number, key in enumerate(path.split(".")):
        if value is None:
            return None
        if not isinstance(value, Mapping) and number:
            raise NoAnswer
        value = value.get(key)
    return value


def kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float) and not math.isnan(value):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list | tuple | set | frozenset) else "other"


def need(value: Any, *kinds: str) -> None:
    if kind(value) not in kinds:
        raise NoAnswer


def holds(operator: str, operand: Any, value: Any) -> bool:
    if operator == "equals":
        need(value, kind(operand))
        return bool(value == operand)
    if operator in {"not_equals", "not_any_of"}:
        return not holds(operator.removeprefix("not_"), operand, value)
    if operator == "any_of":
        pairs = [(kind(item), item) for item in operand]
        if kind(value) == "list":
            return any((kind(item), item) in pairs for item in value)
        need(value, *(one for one, _ in pairs))
        return (kind(value), value) in pairs
    if operator == "contains":
        if kind(value) == "list":
            return any((kind(item), item) == (kind(operand), operand) for item in value)
        need(value, "text")
        need(operand, "text")
        return operand in value
    if operator in {"gt", "gte", "lt", "lte", "between"}:
        need(value, "number")
        if operator == "between":
            return bool(operand[0] <= value <= operand[1])
        return bool(
            {"gt": value > operand, "gte": value >= operand, "lt": value < operand, "lte": value <= operand}[operator]
        )
    if operator in {"before", "after"}:
        return moment(value) < moment(operand) if operator == "before" else moment(value) > moment(operand)
    need(value, "text")
    if operator == "glob":
        return fnmatch.fnmatchcase(value, operand)
    if operator == "matches":
        return re.fullmatch(operand.removeprefix("^").removesuffix("$"), value, re.ASCII | re.DOTALL) is not None
    assert operator == "cidr"
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise NoAnswer from None
    networks = operand if isinstance(operand, list) else [operand]
    return any(address in ipaddress.ip_network(network) for network in networks)


def moment(value: Any) -> datetime:
    """Of texts as `datetime` reads them: these tests write no others."""
    if isinstance(value, datetime):
        return value
    need(value, "text")
    try:
        when = datetime.fromisoformat(value if "T" in value else f"{value}T00:00:00Z")
    except ValueError:
        raise NoAnswer from None
    if when.utcoffset() is None:
        raise NoAnswer
    return when
