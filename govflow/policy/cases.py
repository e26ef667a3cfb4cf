"""Policy cases: held to the policy that they test, judged, and counted by rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from govflow.ir.vocabulary import Vocabulary
from govflow.policy.case_files import Case, CaseFile
from govflow.policy.document import PolicyDocument
from govflow.policy.engine import DEFAULT, ERROR, Engine
from govflow.policy.model import Decision
from govflow.policy.places import Path, Places, did_you_mean
from govflow.policy.rules import RuleMode
from govflow.policy.selectors import EVERYONE, SUBJECT_KINDS, selector_problem

_OWN: Final = ("action", "provider", "resource", "selectors")
_SPACES: Final = ("subject", "step", "run", "context", "parameters")
_DERIVED: Final = frozenset({"resource.scheme", "resource.authority", "resource.path"})
_BESIDE: Final = frozenset({"subject.groups", "subject.teams"})  # make selectors, and are read by no rule


@dataclass(frozen=True, slots=True)
class Miss:
    """One thing that was expected and not said."""

    field: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A case and what became of it."""

    case: Case
    decision: Decision
    matching: tuple[str, ...]  # every rule that matches, with its note, also behind the deciding one
    misses: tuple[Miss, ...]

    @property
    def passed(self) -> bool:
        """Whether the decision is what was expected."""
        return not self.misses


@dataclass(frozen=True, slots=True)
class RuleUse:
    """How often the cases reach a rule."""

    rule: str
    decided: int  # cases in which it decided; of a rule that never decides, those in which it matched
    matched: int  # cases in which it matched at all
    decides: bool  # false: shadow or advisory


def check_cases(file: CaseFile, document: PolicyDocument) -> None:
    """Refuse what the policy could never mean.

    Raises:
        PolicyError: a case names an attribute, action, provider, selector, rule, approval rule, obligation or exception
            that there is not; names file, line, field and mend.
    """
    words = Vocabulary.default().extended(document.actions, document.providers)
    known = _Known.of(document)
    for case in file.cases:
        for where, fields in case.said:
            for place, path, mend in unread(fields, document):
                raise file.places.error((*where, *place), f"no rule can read {path!r}", mend)
        for name, value, registered in (
            ("action", case.request.action, words.actions),
            ("provider", case.request.provider, words.providers),
        ):
            if value not in registered:
                place = next((p for p, fields in reversed(case.said) if name in fields), case.place)
                raise file.places.error((*place, name), f"unknown {name} {value!r}", did_you_mean(value, registered))
        for selector in sorted(case.request.selectors):
            problem = selector_problem(selector, SUBJECT_KINDS)
            if selector == EVERYONE:
                problem = "'*' is nobody", "Name who asks."
            if problem is not None:
                raise file.places.error(case.place, f"case {case.name!r}: {problem[0]}", problem[1])
        known.check(case, file.places)


@dataclass(frozen=True, slots=True)
class _Known:
    """The names that a decision of one policy can hold."""

    rules: frozenset[str]
    approvals: frozenset[str]
    obligations: frozenset[str]
    exceptions: frozenset[str]

    @classmethod
    def of(cls, document: PolicyDocument) -> _Known:
        rules = document.policy.rules
        return cls(
            rules=frozenset(rule.name for rule in rules),
            approvals=frozenset(document.approvals) | {rule.approval for rule in rules if rule.approval},
            obligations=frozenset(name for rule in rules for name in rule.obligations),
            exceptions=frozenset(exception.name for exception in document.policy.exceptions),
        )

    def check(self, case: Case, places: Places) -> None:
        expected = case.expected
        named: list[tuple[str, Iterable[str], frozenset[str]]] = [
            ("rule", [expected.rule] if expected.rule else [], self.rules | {DEFAULT, ERROR}),
            ("approval", [expected.approval] if expected.approval else [], self.approvals),
            ("obligations", expected.obligations or (), self.obligations),
            ("exceptions", expected.exceptions or (), self.exceptions),
            ("rules", [name.rpartition(":")[2] for name in expected.rules or ()], self.rules),
        ]
        for field, names, known in named:
            for name in names:
                if name not in known:
                    what = "rule" if field == "rules" else field.removesuffix("s")
                    problem = f"the policy has no {what} {name!r}"
                    raise places.error((*case.place, "expect", field), problem, did_you_mean(name, known))


def unread(
    fields: Mapping[str, Any], document: PolicyDocument, here: Path = (), above: str = ""
) -> Iterator[tuple[Path, str, str]]:
    """Attributes of a request that no rule can read: where each stands, its path, and what was perhaps meant."""
    for key, value in fields.items():
        path, schema = above + key, document.schema
        if path in _OWN or path in _BESIDE or (schema.find(path) is not None and path not in _DERIVED):
            continue
        if isinstance(value, Mapping) and schema.is_group(path):
            yield from unread(value, document, (*here, key), f"{path}.")
            continue
        mend = schema.suggestion(path) if above or "." in key else did_you_mean(key, (*_OWN, *_SPACES))
        yield (*here, key), path, mend


def judge_cases(cases: Sequence[Case], engine: Engine) -> Iterator[CaseResult]:
    """Every case, decided and compared."""
    for case in cases:
        decision = engine.decide(case.request)
        yield CaseResult(case, decision, engine.matching(case.request), tuple(_misses(case, decision)))


def _misses(case: Case, decision: Decision) -> Iterator[Miss]:
    expected, given = case.expected, case.expected.model_fields_set
    for field in ("effect", "rule", "approval"):
        wanted, got = getattr(expected, field), getattr(decision, field)
        if field in given and wanted != got:
            yield Miss(field, _text(wanted), _text(got))
    for field in ("obligations", "exceptions"):
        wanted, got = getattr(expected, field) or (), getattr(decision, field)
        if field in given and set(wanted) != set(got):
            yield Miss(field, _text(sorted(wanted)), _text(sorted(got)))
    if absent := [name for name in expected.rules or () if name not in decision.rules]:
        yield Miss("rules", _text(absent), _text(decision.rules))
    if expected.reason is not None and expected.reason not in decision.reason:
        yield Miss("reason", f"… {expected.reason} …", decision.reason)


def _text(value: object) -> str:
    if value is None:
        return "none"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value)


def coverage(results: Iterable[CaseResult], document: PolicyDocument) -> tuple[RuleUse, ...]:
    """How often each rule of the policy decided and matched, in the order of the file; rules that are off left out."""
    decided: Counter[str] = Counter()
    matched: Counter[str] = Counter()
    for result in results:
        decided[result.decision.rule] += 1
        names = (name.rpartition(":") for name in result.matching)
        matched.update({name for note, _, name in names if not note.endswith("error")})
    return tuple(
        RuleUse(rule.name, decided[rule.name] if rule.decides else matched[rule.name], matched[rule.name], rule.decides)
        for rule in document.policy.rules
        if rule.mode is not RuleMode.OFF
    )
