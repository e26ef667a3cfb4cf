"""Other engines with the same rules: each rule becomes an expression of theirs, and the first that holds decides.

None of them has an order among rules and three effects. So they all say which rules hold, and the lowest place decides.
The clock runs from the same request on: an engine's own form of it is a part of what it costs to ask it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from govflow.policy import PolicyDocument, PolicyRequest, PolicyRule
from govflow.policy.engine import SEVERITY

Atom = tuple[str, str, Any]
"""What is asked, of which variable, and with what it is compared."""

Decide = Callable[[Any], int]
NONE = -1


@dataclass(frozen=True)
class Peer:
    """An engine that was given the rules; what it is asked is made from the request by ``prepare``."""

    name: str
    prepare: Callable[[PolicyRequest], Any]
    decide: Decide  # place of the deciding rule, NONE for the default


def considered(document: PolicyDocument) -> list[PolicyRule]:
    """The rules in the order in which they are asked."""
    return sorted(document.policy.rules, key=lambda rule: (rule.priority, SEVERITY[rule.effect]))


def peers(document: PolicyDocument, only: str = "") -> Iterator[Peer | str]:
    """Every other engine that is installed, or one of them; of those that are not, the line that says so."""
    for name, package, make in (
        ("cedarpy", "cedarpy", _cedar),
        ("CEL, a program a rule", "common-expression-language", _cel),
        ("pycasbin", "pycasbin", _casbin),
        ("regopy", "regopy", _rego),
    ):
        if only not in {"", name}:
            continue
        try:
            yield make(name, document)
        except ImportError:
            yield f"{name}: left out, {package} is not installed (dependency group bench)"


def _cedar(name: str, document: PolicyDocument) -> Peer:
    import cedarpy

    from govflow.policy.cedar.engine import as_permits
    from govflow.policy.cedar.exporting import cedar_forms

    forms = cedar_forms(document, [])
    order = {rule.name: place for place, rule in enumerate(considered(document))}
    forms.sort(key=lambda form: order[form["annotations"]["id"]])
    policies = as_permits(forms)

    def prepare(request: PolicyRequest) -> Any:
        user = {"type": "User", "id": "u"}
        resource = {"type": "Resource", "id": request.resource}
        roles = [{"type": "Role", "id": one[5:]} for one in request.selectors if one.startswith("role:")]
        question = {
            "principal": user,
            "action": {"type": "Action", "id": request.action},
            "resource": resource,
            "context": {"action": request.action, **request.attributes},
        }
        entities = [
            {"uid": user, "attrs": {}, "parents": roles},
            {"uid": resource, "attrs": {"name": request.resource}, "parents": []},
        ]
        return question, entities

    def decide(question: Any) -> int:
        answer = cedarpy.is_authorized(question[0], policies, question[1])
        return min((int(one[1:]) for one in answer.diagnostics.reasons), default=NONE)

    return Peer(name, prepare, decide)


def _cel(name: str, document: PolicyDocument) -> Peer:
    import cel

    programs = [cel.compile(_written(rule, CEL_WORDS)) for rule in considered(document)]

    def decide(context: Any) -> int:
        return next((place for place, program in enumerate(programs) if program.execute(context)), NONE)

    return Peer(name, lambda request: cel.Context(_flat(document, request)), decide)


def _casbin(name: str, document: PolicyDocument) -> Peer:
    import casbin

    model = casbin.Model()
    model.load_model_from_text(
        "[request_definition]\nr = o\n[policy_definition]\np = rule, place\n[policy_effect]\n"
        "e = some(where (p.eft == allow))\n[matchers]\nm = eval(p.rule)\n"
    )
    enforcer = casbin.Enforcer(model)
    for place, rule in enumerate(considered(document)):
        enforcer.add_policy(_written(rule, PYTHON_WORDS), str(place))

    def decide(values: Any) -> int:
        held, why = enforcer.enforce_ex(values)
        return int(why[1]) if held else NONE

    return Peer(name, lambda request: _Values(_flat(document, request)), decide)


class _Values:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


def _rego(name: str, document: PolicyDocument) -> Peer:
    import regopy

    lines = ["package bench", "import rego.v1"]
    for place, rule in enumerate(considered(document)):
        for way in _ways(rule):
            body = "; ".join(REGO_WORDS[kind](variable, value) for kind, variable, value in way) or "true"
            lines.append(f'holds contains "{place:05}" if {{ {body} }}')  # numbers are ordered as text there
    lines.append("first := min(holds)")
    interpreter = regopy.Interpreter()
    interpreter.add_module("bench", "\n".join(lines))

    def decide(values: Any) -> int:
        interpreter.set_input(values)
        found = interpreter.query("data.bench.first")
        text = str(found)
        digits = "".join(character for character in text if character.isdigit())
        return int(digits) if digits else NONE

    return Peer(name, lambda request: regopy.Input(_flat(document, request)), decide)


def _flat(document: PolicyDocument, request: PolicyRequest) -> dict[str, Any]:
    context = request.attributes["context"]
    values = {_variable(path): context.get(path.partition(".")[2]) for path in document.schema.declared}
    roles = [one for one in request.selectors if one.startswith("role:")]
    return {**values, "action": request.action, "resource": request.resource, "role": roles[0]}


def _variable(path: str) -> str:
    return path.replace(".", "_")


def _ways(rule: PolicyRule) -> list[list[Atom]]:
    """The rule as alternatives of atoms that must all hold: the law of missing attributes written out."""
    choices: list[list[list[Atom]]] = []
    if "*" not in rule.subjects:
        choices.append([[("one_of", "role", list(rule.subjects))]])
    for variable, globs in (("action", rule.actions), ("resource", rule.resources)):
        if "*" not in globs:
            choices.append([[atom] for atom in _globs(variable, globs)])
    for path, tests in rule.conditions.items():
        assert isinstance(tests, dict)  # these rules have no groups
        for operator, operand in tests.items():
            choices.append(_condition(_variable(path), operator, operand, rule.restricts))
    return [[atom for part in way for atom in part] for way in product(*choices)]


def _globs(variable: str, globs: Sequence[str]) -> Iterator[Atom]:
    literal = [glob for glob in globs if "*" not in glob]
    if literal:
        yield "one_of", variable, literal
    for glob in globs:
        if glob not in literal:
            inner = glob.strip("*")
            if "*" in inner:
                before, _, behind = inner.partition("*")
                raise NotImplementedError(f"{before} and {behind}")
            kind = "within" if glob[0] == glob[-1] == "*" else "starts" if glob[-1] == "*" else "ends"
            yield kind, variable, inner


def _condition(variable: str, operator: str, operand: Any, restricts: bool) -> list[list[Atom]]:
    if operator == "equals":
        test: Atom = ("one_of", variable, [operand])
    else:
        test = ("none_of" if operator == "not_any_of" else "above", variable, operand)
    return (
        [[("missing", variable, None)], [("there", variable, None), test]]
        if restricts
        else [[("there", variable, None), test]]
    )


Words = Mapping[str, Callable[[str, Any], str]]


def _written(rule: PolicyRule, words: Words) -> str:
    whole, every, some = str(words["true"]("", None)), str(words["and"]("", None)), str(words["or"]("", None))
    ways = [every.join(words[kind](variable, value) for kind, variable, value in way) for way in _ways(rule)]
    return some.join(f"({way})" if way else whole for way in ways)


CEL_WORDS: Words = {
    "true": lambda _, __: "true",
    "and": lambda _, __: " && ",
    "or": lambda _, __: " || ",
    "one_of": lambda name, held: f"{name} in {json.dumps(held)}",
    "none_of": lambda name, held: f"!({name} in {json.dumps(held)})",
    "above": lambda name, held: f"{name} > {held}",
    "starts": lambda name, held: f"{name}.startsWith({json.dumps(held)})",
    "ends": lambda name, held: f"{name}.endsWith({json.dumps(held)})",
    "within": lambda name, held: f"{name}.contains({json.dumps(held)})",
    "missing": lambda name, _: f"{name} == null",
    "there": lambda name, _: f"{name} != null",
}
PYTHON_WORDS: Words = {
    "true": lambda _, __: "True",
    "and": lambda _, __: " and ",
    "or": lambda _, __: " or ",
    "one_of": lambda name, held: " (" + " or ".join(f"r.o.{name} == {item!r}" for item in held) + ")",
    "none_of": lambda name, held: " (" + " and ".join(f"r.o.{name} != {item!r}" for item in held) + ")",
    "above": lambda name, held: f"r.o.{name} > {held}",
    "starts": lambda name, held: f"r.o.{name}.startswith({held!r})",
    "ends": lambda name, held: f"r.o.{name}.endswith({held!r})",
    "within": lambda name, held: f"{held!r} in r.o.{name}",
    "missing": lambda name, _: f"r.o.{name} == None",
    "there": lambda name, _: f"r.o.{name} != None",
}
REGO_WORDS: Words = {
    "one_of": lambda name, held: f"input.{name} in {json.dumps(held)}",
    "none_of": lambda name, held: f"not input.{name} in {json.dumps(held)}",
    "above": lambda name, held: f"input.{name} > {held}",
    "starts": lambda name, held: f"startswith(input.{name}, {json.dumps(held)})",
    "ends": lambda name, held: f"endswith(input.{name}, {json.dumps(held)})",
    "within": lambda name, held: f"contains(input.{name}, {json.dumps(held)})",
    "missing": lambda name, _: f"input.{name} == null",
    "there": lambda name, _: f"input.{name} != null",
}
