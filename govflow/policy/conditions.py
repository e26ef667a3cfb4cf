"""Conditions: what a rule asks of attributes, compiled to functions when the policy is loaded.

A group is a mapping of paths to operators and operands; every one of them must be met. ``all``, ``any`` and ``not`` in
the place of a path hold further groups, ``cel`` an expression (:mod:`govflow.policy.cel`)::

    step.records: {gt: 100}
    any:
      - run.environment: {equals: staging}
      - not: {context.change: {matches: "^CHG-[0-9]+$"}}

Two laws hold in every group, however deep:

* A **missing** attribute never turns a deny or require_approval rule off, and never turns an allow rule on. A
  condition on it counts as what the rule needs: met under a deny, not met under an allow, the other way round inside
  ``not``. ``exists`` obeys as well, so that where it could only break the law it is refused when loaded.
* A condition **without an answer** (a value of the wrong type) leaves the rule without one, unless the others settle
  it whatever the answer would be: one that is not met settles ``all``, one that is met settles ``any``. So the order
  of conditions never matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from govflow.policy.attributes import GROUPS, READS_TOO, Attribute, AttributeSchema, EvaluationError, reader
from govflow.policy.cel import CEL, cel_paths, compile_cel
from govflow.policy.model import PolicyRequest
from govflow.policy.operators import OPERATORS, quick_test
from govflow.policy.places import Path, Places, did_you_mean
from govflow.policy.unknown import UNKNOWN, Undetermined
from govflow.policy.values import HAS_TYPE, ConditionProblem, Operand, kind_of

Predicate = Callable[[PolicyRequest, str], bool]
"""Whether a condition is met by a request whose resource has that normal form; raises ``EvaluationError``."""

EXISTS: Final = "exists"
MAX_DEPTH: Final = 16


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles the conditions of one rule."""

    schema: AttributeSchema
    places: Places
    owner: str  # for messages: "rule 'x'"
    restricts: bool  # a deny or require_approval: what is missing counts as met

    def group(self, conditions: object, here: Path) -> tuple[Predicate, ...]:
        """The conditions of a group, all of which must be met, in the order of path and operator.

        Raises:
            PolicyError: a path is unknown, an operator or operand does not fit it, or a group is none.
        """
        return tuple(self._group(conditions, here, self.restricts, 0))

    def _group(self, conditions: object, here: Path, restricts: bool, depth: int) -> Iterator[Predicate]:
        if depth > MAX_DEPTH:
            raise self.places.error(here, f"conditions are nested deeper than {MAX_DEPTH} levels", "Flatten them.")
        for path, held in sorted(self._mapping(conditions, here).items()):
            place = (*here, path)
            if path == "not":
                yield _not(all_of(self._filled(held, place, not restricts, depth + 1)))
            elif path in GROUPS:
                if not isinstance(held, list | tuple) or not held:
                    raise self.places.error(
                        place, f"{path!r} is not a list of conditions", "Write '- path: {...}' lines."
                    )
                parts = [
                    all_of(self._filled(part, (*place, number), restricts, depth + 1))
                    for number, part in enumerate(held)
                ]
                yield all_of(parts) if path == "all" else any_of(parts)
            elif path == CEL:
                try:
                    yield compile_cel(held, self.schema, restricts)
                except ConditionProblem as wrong:
                    raise self.places.error(place, wrong.problem, wrong.mend) from None
            else:
                yield from self._tests(path, held, place, restricts)

    def _filled(self, conditions: object, here: Path, restricts: bool, depth: int) -> list[Predicate]:
        found = list(self._group(conditions, here, restricts, depth))
        if not found:
            raise self.places.error(here, "a group without a condition", "Write one, or remove the group.")
        return found

    def _tests(self, path: str, tests: object, here: Path, restricts: bool) -> Iterator[Predicate]:
        attribute = self.schema.find(path)
        if attribute is None:
            raise self.places.error(here, f"unknown attribute {path!r} in {self.owner}", self.schema.suggestion(path))
        named = self._mapping(tests, here)
        if not named:
            raise self.places.error(here, "a condition without an operator", "Write one.")
        for name, operand in sorted(named.items()):
            try:
                yield compile_condition(attribute, name, operand, restricts, negated=restricts is not self.restricts)
            except ConditionProblem as wrong:
                raise self.places.error((*here, name), wrong.problem, wrong.mend) from None

    def _mapping(self, value: object, here: Path) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self.places.error(here, "not a mapping", "Write 'name: value' lines below it.")
        return value


def compile_condition(
    attribute: Attribute, name: str, operand: Any, restricts: bool, *, negated: bool = False
) -> Predicate:
    """The function that answers one condition.

    Args:
        attribute: what is read.
        name: the operator.
        operand: what the operator compares with.
        restricts: what the answer is where the attribute is missing.
        negated: whether the condition stands inside ``not``; for messages.

    Raises:
        ConditionProblem: the operator is unknown, does not fit the attribute's type, or its operand does not.
    """
    read = reader(attribute.path)
    if name == EXISTS:
        return _presence(attribute.path, operand, restricts, negated)
    if name not in OPERATORS:
        raise ConditionProblem(f"unknown operator {name!r}", did_you_mean(name, [*OPERATORS, EXISTS]))
    types, build = OPERATORS[name]
    if attribute.type not in types:
        fitting = sorted(known for known, (fits, _) in OPERATORS.items() if attribute.type in fits)
        raise ConditionProblem(
            f"{name!r} does not fit {attribute.path}, which is of type {attribute.type}",
            f"Use one of: {', '.join([*fitting, EXISTS])}.",
        )
    test, fits = build(Operand(attribute, operand)), HAS_TYPE[attribute.type]
    path, declared = attribute.path, attribute.type
    exact, quick = quick_test(attribute, name, operand) or (None, test)

    def answer(value: Any) -> bool:
        if value is None:
            return restricts
        if value.__class__ is exact:
            return quick(value)
        if value is UNKNOWN:
            raise Undetermined(path)
        if not fits(value):
            raise EvaluationError(f"{path} is {kind_of(value)}, not of its declared type {declared}")
        return test(value)

    space, mark, key = path.partition(".")
    if not mark or "." in key or space == "resource":
        return lambda request, resource: answer(read(request, resource))

    def met(request: PolicyRequest, resource: str) -> bool:
        values = request.attributes.get(space)
        if values.__class__ is dict:  # nearly always: the same as below without two calls
            value = values.get(key)
            if value.__class__ is exact:
                return quick(value)
            return answer(value)
        return answer(read(request, resource))

    return met


def paths_of(conditions: Mapping[str, Any]) -> frozenset[str]:
    """The attribute paths that sound conditions read, those included that others are told from."""
    found: set[str] = set()
    for path, held in conditions.items():
        if path == CEL:
            for read in cel_paths(held):
                found |= {read} | READS_TOO.get(read, frozenset())
            continue
        if path not in GROUPS:
            found |= {path} | READS_TOO.get(path, frozenset())
            continue
        for part in [held] if path == "not" else held:
            found |= paths_of(part)
    return frozenset(found)


def all_of(parts: Sequence[Predicate]) -> Predicate:
    """Every one is met; without an answer if none is unmet and one has none."""
    if len(parts) == 1:
        return parts[0]

    def met(request: PolicyRequest, resource: str) -> bool:
        problem: Exception | None = None
        for part in parts:
            try:
                if not part(request, resource):
                    return False
            except Exception as raised:  # noqa: BLE001 - kept, and raised below unless another part is unmet
                problem = _graver(problem, raised)
        if problem is not None:
            raise problem
        return True

    return met


def any_of(parts: Sequence[Predicate]) -> Predicate:
    """One of them is met; without an answer if none is met and one has none."""
    if len(parts) == 1:
        return parts[0]

    def met(request: PolicyRequest, resource: str) -> bool:
        problem: Exception | None = None
        for part in parts:
            try:
                if part(request, resource):
                    return True
            except Exception as raised:  # noqa: BLE001 - kept, and raised below unless another part is met
                problem = _graver(problem, raised)
        if problem is not None:
            raise problem
        return False

    return met


def _graver(problem: Exception | None, raised: Exception) -> Exception:
    """The one to raise: what is unknown may settle the group yet, what has no answer never does."""
    return raised if problem is None or isinstance(raised, Undetermined) else problem


def _not(part: Predicate) -> Predicate:
    return lambda request, resource: not part(request, resource)


def _presence(path: str, wanted: Any, restricts: bool, negated: bool) -> Predicate:
    if not isinstance(wanted, bool):
        raise ConditionProblem("'exists' takes true or false", "Write true or false.")
    if wanted is restricts:
        said = f"'exists: {str(wanted).lower()}'{' inside not' if negated else ''}"
        if restricts is not negated:
            raise ConditionProblem(
                f"{said} cannot narrow this rule: a missing attribute never turns a deny or require_approval off",
                "Remove it, and narrow the rule by actions, resources or subjects.",
            )
        raise ConditionProblem(
            f"{said} cannot open this rule: a missing attribute never turns an allow on",
            "Remove it, or say which value is allowed.",
        )
    read = reader(path)

    def met(request: PolicyRequest, resource: str) -> bool:
        value = read(request, resource)
        if value is UNKNOWN:
            raise Undetermined(path)
        return (value is not None) is wanted

    return met
