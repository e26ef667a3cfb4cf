"""Everything that the analysis has to say of one policy.

report = lint(document, vocabulary=Vocabulary.default(), now=datetime.now(UTC))
for finding in report.findings: ...
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from govflow.ir.vocabulary import Vocabulary
from govflow.policy.analysis.cover import Cover, Dead, Shadowed, contradiction
from govflow.policy.analysis.overlaps import Overlap, Overlaps
from govflow.policy.analysis.remarks import Remark, bands, expired, too_broad, unregistered, useless_exceptions
from govflow.policy.analysis.views import PolicyView, RuleView, view_of
from govflow.policy.analysis.witness import Prover
from govflow.policy.document import PolicyDocument
from govflow.policy.model import PolicyRequest
from govflow.policy.provided import Provides, unprovided
from govflow.policy.uncollected import uncollected

DEAD: Final = "GF701"
SHADOWED: Final = "GF702"
CONFLICT: Final = "GF703"
ORDER: Final = "GF704"
EXPIRED: Final = "GF705"
NEVER_USED: Final = "GF706"
TOO_BROAD: Final = "GF707"
BANDS: Final = "GF708"
UNREGISTERED: Final = "GF709"
ONLY_MISSING: Final = "GF710"
UNPROVIDED: Final = "GF711"
_MOST_NAMED: Final = 3  # rules in one message


@dataclass(frozen=True, slots=True)
class Shown:
    """A request that shows what a finding says, and what each rule says of it."""

    request: PolicyRequest
    says: tuple[tuple[str, str], ...]  # rule and effect, in the order in which they are considered


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One finding. ``code`` is a rule of ``govflow explain``."""

    code: str
    rule: str  # the policy rule
    message: str
    mend: str
    others: tuple[str, ...] = ()  # rules that have to do with it
    shown: tuple[Shown, ...] = ()
    key: str = ""  # tells findings of one code and rule apart
    removable: bool | None = None  # of rules that never decide: whether removing one changes no decision


@dataclass(frozen=True, slots=True)
class LintReport:
    """What was found."""

    findings: tuple[LintFinding, ...]
    rules: int  # that were looked at
    complete: bool  # every pair of rules was compared; else overlaps may be missing, and nothing else


@uncollected()
def lint(
    document: PolicyDocument, *, vocabulary: Vocabulary, now: datetime, providers: Iterable[Provides] = ()
) -> LintReport:
    """Look at every rule of a policy.

    Args:
        document: the policy.
        vocabulary: the actions and providers that are registered without it.
        now: what has expired by then is told.
        providers: who gives attributes beyond those of every governed run.
    """
    known = vocabulary.extended(document.actions, document.providers)
    view = view_of(document, known.actions)
    prover = Prover(document)
    silent = list(_never_deciding(view))
    overlaps = Overlaps(view, prover)
    found = [
        *silent,
        *map(_overlap, overlaps.find(frozenset(one.rule for one in silent if one.code in {DEAD, SHADOWED}))),
        *_remarks(view, known, prover, now),
        *_unprovided(document, providers),
    ]
    found.sort(key=lambda finding: finding.code)
    return LintReport(tuple(found), len(document.policy.rules), overlaps.complete)


def _never_deciding(view: PolicyView) -> Iterator[LintFinding]:
    cover = Cover(view)
    for rule in view.rules:
        dead = contradiction(rule)
        if dead is not None:
            yield _dead(dead)
            if not dead.by_missing:
                continue
        shadowed = cover.shadow(rule)
        if shadowed is not None:
            yield _shadowed(shadowed)


def _dead(dead: Dead) -> LintFinding:
    rule = dead.rule
    if dead.by_missing:
        return LintFinding(
            ONLY_MISSING,
            rule.name,
            f"the conditions of rule {rule.name!r} contradict each other: no values meet them all, and it matches only "
            f"where attributes are missing",
            "Mend the conditions, or ask for what is missing by 'exists: false'.",
        )
    return LintFinding(
        DEAD,
        rule.name,
        f"rule {rule.name!r} never matches: its conditions contradict each other",
        "Mend the conditions, or remove the rule. Until then a value of the wrong type in them is still an error.",
        removable=False,
    )


def _shadowed(shadowed: Shadowed) -> LintFinding:
    rule, names = shadowed.rule, tuple(one.name for one in shadowed.behind)
    if all(one.place < rule.place for one in shadowed.behind):
        how = f"{_listed(shadowed.behind)} {'matches' if len(names) == 1 else 'match'} first whatever it matches"
    else:
        how = f"{_listed(shadowed.behind)} {'overrides' if len(names) == 1 else 'override'} it wherever it matches"
    effects = {str(one.rule.effect) for one in shadowed.behind}
    same = effects == {str(rule.rule.effect)} and {one.rule.approval for one in shadowed.behind} == {rule.rule.approval}
    if shadowed.removable:
        without = "removing it changes no decision"
    elif rule.excepted:
        without = "it can only end a decision with an error, or have its exceptions named"
    else:
        without = "it can only end a decision with an error"
    return LintFinding(
        SHADOWED,
        rule.name,
        f"rule {rule.name!r} ({rule.rule.effect}, priority {rule.rule.priority}) never decides: {how}; {without}",
        "Remove it." if same and shadowed.removable else "Give it a lower priority, or narrow what stands before it.",
        others=names,
        removable=shadowed.removable,
    )


def _overlap(overlap: Overlap) -> LintFinding:
    rule, others = overlap.rule, [other for other, _ in overlap.others]
    shown = tuple(Shown(request, _says([other, rule])) for other, request in overlap.others)
    names = tuple(other.name for other in others)
    if overlap.same_priority:
        why = (
            "the stricter one decides"
            if any(other.rule.effect is not rule.rule.effect for other in others)
            else ("the one that stands first in the file decides")
        )
        return LintFinding(
            CONFLICT,
            rule.name,
            f"rule {rule.name!r} ({rule.rule.effect}) and {_listed(others)} have priority "
            f"{rule.rule.priority} and match the same request; {why}",
            "Give the one that is meant to decide the lower priority, or narrow one of them.",
            others=names,
            shown=shown,
        )
    return LintFinding(
        ORDER,
        rule.name,
        f"rule {rule.name!r} ({rule.rule.effect}) stands behind {_listed(others)}: where both match, priority decides",
        "Nothing, if that is meant.",
        others=names,
        shown=shown,
    )


def _remarks(view: PolicyView, known: Vocabulary, prover: Prover, now: datetime) -> Iterator[LintFinding]:
    by_code: tuple[tuple[str, Iterator[Remark]], ...] = (
        (EXPIRED, expired(view, now)),
        (NEVER_USED, useless_exceptions(view, known.actions, now)),
        (TOO_BROAD, too_broad(view, prover)),
        (BANDS, bands(view)),
        (UNREGISTERED, unregistered(view, known.actions, known.providers)),
    )
    for code, remarks in by_code:
        for remark in remarks:
            effect = {rule.name: str(rule.rule.effect) for rule in view.rules}.get(remark.rule, "")
            shown = () if remark.request is None else (Shown(remark.request, ((remark.rule, effect),)),)
            yield LintFinding(code, remark.rule, remark.message, remark.mend, shown=shown, key=remark.key)


def _unprovided(document: PolicyDocument, providers: Iterable[Provides]) -> Iterator[LintFinding]:
    """One finding for each attribute that nobody provides."""
    owners = {exception.name: exception.rule for exception in document.policy.exceptions}
    found: dict[str, tuple[str, dict[str, None]]] = {}
    for one in unprovided(document, providers):
        kind, _, rest = one.field.removeprefix("policy.").partition(".")
        name = rest.removesuffix(".conditions").removesuffix(".rollout.by")
        found.setdefault(one.path, (one.mend, {}))[1][name if kind == "rules" else owners[name]] = None
    for path, (mend, readers) in found.items():
        first, *others = readers
        names = ", ".join(map(repr, [first, *others][:_MOST_NAMED]))
        more = f" and {len(readers) - _MOST_NAMED} more" if len(readers) > _MOST_NAMED else ""
        yield LintFinding(
            UNPROVIDED,
            first,
            f"nobody provides {path!r}: where a governed run asks {names}{more}, it is missing",
            mend,
            others=tuple(others),
            key=path,
        )


def _says(rules: list[RuleView]) -> tuple[tuple[str, str], ...]:
    return tuple((rule.name, str(rule.rule.effect)) for rule in rules)


def _listed(rules: list[RuleView] | tuple[RuleView, ...]) -> str:
    return " and ".join(f"{rule.name!r} ({rule.rule.effect}, priority {rule.rule.priority})" for rule in rules)
