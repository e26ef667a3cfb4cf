"""A policy to start from that fits what a scan found: it loads, and what its comments say is what it does.

What is of tier 0 or 1 today runs, by the actions and resources that were found; all else asks people. The numbers in
the comments come from judging the scanned flows by the finished policy.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from govflow import __version__
from govflow.errors import GovflowError
from govflow.governor.assess import Ground, assess
from govflow.identity import Principal
from govflow.ir.models import Plan, Step, StepKind, Tier
from govflow.ir.vocabulary import Vocabulary
from govflow.policy import Engine, PolicyDocument, load_policy, starter
from govflow.policy.globs import NoNormalForm, normal_glob, normal_resource
from govflow.policy.model import Verdict
from govflow.services.describe.escape import plain
from govflow.services.scan_repository import Scan
from govflow.telemetry import redact_text
from govflow.tiers import TierRules

WHERE: Final = "suggested policy"
_HOLE: Final = re.compile(r"\{[^{}]*\}")
_MARK: Final = "\0"  # stands for a hole while the rest is brought to its normal form
_SPECIAL: Final = re.compile(r"[*?\[]")
_LONGEST: Final = 40  # resources of one rule; beyond it those of one folder become one glob
_HOUR: Final = 3600
_REQUESTER: Final = Principal(name="requester")
_PEOPLE: Final = "Who answers. Put your people here: user:NAME, role:ROLE; the requester never counts."
_NOWHERE: Final = frozenset({"", "://", "https://", "http://", "file://"})  # a glob that names no place

_HEAD: Final = """\
version: 1

policy:
  name: suggested
  description: What this repository does at tier 0 and 1 runs; everything else asks people.
  default: deny
  combining: first_match # rules are read from the lowest priority number up; the first that matches decides
  rules:
    # A call that could not be read may run anything. Mend the call rather than this rule.
    - name: no-unresolved-in-production
      description: A step that could not be resolved from source does not run in production.
      effect: deny
      priority: 10
      conditions:
        step.kind: {equals: unresolved}
        run.production: {equals: true}

    # Deletes, payments, accounting, many records: two people, and never the one who asked for the run.
    - name: high-risk-needs-two
      description: A high-risk step needs two people who say yes.
      effect: require_approval
      priority: 20
      approval: two-approvers
      conditions:
        step.tier: {gte: 3}

    # Writes in production, DNS: one person who is not the one who asked.
    - name: medium-risk-needs-one
      description: A medium-risk step needs one person who says yes.
      effect: require_approval
      priority: 30
      approval: one-approver
      conditions:
        step.tier: {equals: 2}
"""

_NEXT: Final = """\
Save it as policy.yaml, read it, name your people under 'approvals', and set `policy` in your settings to it.
What it does: govflow check PATH --policy policy.yaml --environment production. Its fields: docs/policy.md.
"""
_ALLOWED: Final = """
    # What runs without a question: what this repository did when it was scanned, where it did it. `*` stands for what
    # the source does not tell. The condition holds a rule back as soon as a step becomes riskier.
"""

_TAIL: Final = """
    # Where nothing is production, low risks run wherever they go. Remove this rule to be as strict there.
    - name: low-risk-outside-production
      description: A minimal- or low-risk step runs outside production.
      effect: allow
      priority: 800
      conditions:
        run.production: {equals: false}
        step.tier: {between: [0, 1]}

    # What this repository did not do when it was scanned: look at it once, then name it above.
    - name: the-rest-needs-one
      description: This was not there when the policy was written; one person says yes.
      effect: require_approval
      priority: 900
      approval: one-approver
"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The policy and what it does to the flows that were scanned."""

    text: str
    document: PolicyDocument
    outcome: tuple[tuple[str, int], ...]  # in words, and how often


@dataclass(frozen=True, slots=True)
class _Allowed:
    """A rule that lets something run."""

    name: str
    description: str
    remark: str
    actions: tuple[str, ...]
    resources: tuple[tuple[str, int], ...]  # glob, how many steps
    priority: int


def suggest_policy(scan: Scan) -> Suggestion:
    """Write the policy. It is judged for the scan's environment, by the tier rules that ship."""
    flows = [(flow.name, flow.plan) for flow in scan.flows]
    environment = scan.workspace.ground.environment
    vocabulary = Vocabulary.default()
    words = list(_words(plan for _, plan in flows))
    actions = sorted({action for action, _ in words if _can_be_action(vocabulary, action)})
    providers = sorted({provider for _, provider in words if _can_be_provider(vocabulary, provider)})
    body = _body(_rules(flows, _ground(starter(), environment), {*vocabulary.actions, *actions}), _named(flows))
    body += _registered("actions", actions) + _registered("providers", providers)
    document = load_policy(body, WHERE)
    outcome = tuple(_outcome(flows, _ground(document, environment)))
    text = "".join(f"# {line}".rstrip() + "\n" for line in _heading(scan, outcome)) + body
    return Suggestion(text, load_policy(text, WHERE), outcome)


def _ground(document: PolicyDocument, environment: str) -> Ground:
    return Ground(Engine(document), TierRules.default(), "default", environment, "enforce")


def _rules(flows: Sequence[tuple[str, Plan]], ground: Ground, actions: set[str]) -> list[_Allowed]:
    """One rule for each action of a step of tier 0 or 1, and one for tasks that call what nobody knows."""
    requester, now = _REQUESTER, datetime.now(UTC)
    found: dict[str, Counter[str]] = {}
    blind: Counter[str] = Counter()
    for _, plan in flows:
        judged = assess(plan, ground, requester, now)
        for step in plan.steps:
            if step.kind is StepKind.UNRESOLVED or judged.steps[step.step_id].tier > Tier.LOW:
                continue
            for action, resource in _asked(step):
                glob = glob_for(resource)
                if glob is None or action not in actions:
                    continue
                if step.unseen and not step.effects and not step.declared:
                    blind[glob] += 1
                else:
                    found.setdefault(action, Counter())[glob] += 1
    rules = [
        _Allowed(
            name=f"allow-{action.replace(':', '-').replace('_', '-')}",
            description=f"Steps of tier 0 or 1 may do {action} where this repository does it.",
            remark=_meaning(action),
            actions=(action,),
            resources=_folded(found[action]),
            priority=100 + place,
        )
        for place, action in enumerate(sorted(found))
    ]
    if blind:
        remark = "These call outside code whose effects nobody knows. Read them, or ask: effect: require_approval"
        rules.append(
            _Allowed(
                "allow-what-is-not-known",
                "A step of which nothing was found may run.",
                remark,
                ("task:execute", "flow:execute"),
                _folded(blind),
                700,
            )
        )
    return rules


def _asked(step: Step) -> Iterator[tuple[str, str]]:
    """Actions and resources that policy is asked about for a step."""
    yield step.action, step.resource
    if not step.declared:
        for effect in step.effects:
            yield effect.action, effect.resource


def glob_for(resource: str) -> str | None:
    """The glob that matches a resource, whatever its holes are filled with; None if there is none.

    Credentials in it are left out, and what stands there becomes part of a hole.
    """
    shown = redact_text(resource)
    if not shown.isprintable():
        return None
    marked = _HOLE.sub(_MARK, shown if shown == resource else shown.replace("***", "{?}"))
    try:
        literal = _SPECIAL.sub(lambda found: f"[{found[0]}]", normal_resource(marked))
        return normal_glob(re.sub(f"{_MARK}+", "*", literal))
    except (NoNormalForm, ValueError):
        return None


def _folded(globs: Counter[str]) -> tuple[tuple[str, int], ...]:
    """The globs, those of the fullest folders as one glob while there are too many of them."""
    while len(globs) > _LONGEST:
        folders = Counter(_folder(glob) for glob in globs if _folder(glob) != glob)
        if not folders:
            break
        fullest = max(sorted(folders), key=folders.__getitem__)
        folded: Counter[str] = Counter()
        for glob, number in globs.items():
            folded[fullest if _folder(glob) == fullest else glob] += number
        globs = folded
    return tuple(sorted(globs.items()))


def _folder(glob: str) -> str:
    """The glob for all that lies beside: ``dataset://a/*`` for ``dataset://a/b``, then ``dataset://*``."""
    head, _, _ = glob.removesuffix("/*").rpartition("/")
    return f"{head}/*" if head else glob


def _body(rules: Sequence[_Allowed], names: Sequence[str]) -> str:
    lines = [_HEAD.rstrip("\n"), *([_ALLOWED.rstrip("\n")] if rules else [])]
    for rule in rules:
        steps = sum(number for _, number in rule.resources)
        lines += [
            "",
            f"    # {plain(rule.remark)} ({steps} {_plural('step', steps)})",
            f"    - name: {rule.name}",
            f"      description: {json.dumps(rule.description)}",
            "      effect: allow",
            f"      priority: {rule.priority}",
            f"      actions: {json.dumps(list(rule.actions))}",
            "      resources:",
            *(f"        - {json.dumps(glob, ensure_ascii=False)}{_open(glob)}" for glob, _ in rule.resources),
            "      conditions:",
            "        step.tier: {between: [0, 1]}",
        ]
    lines += [_TAIL.rstrip("\n"), "", f"# {_PEOPLE}", "approvals:"]
    for name, required in (("one-approver", 1), ("two-approvers", 2), *((name, 1) for name in names)):
        lines += [f"  {json.dumps(name, ensure_ascii=False)}:", f"    required: {required}"]
        lines += ['    approvers: ["*"]', f"    ttl_seconds: {_HOUR}"]
    return "\n".join(lines) + "\n"


def _open(glob: str) -> str:
    return " # the source does not say where: this is anywhere" if glob.strip("*") in _NOWHERE else ""


def _registered(section: str, words: Sequence[str]) -> str:
    return f"{section}: {json.dumps(list(words))} # words of this repository\n" if words else ""


def _words(plans: Iterable[Plan]) -> Iterator[tuple[str, str]]:
    for plan in plans:
        for step in plan.steps:
            yield step.action, step.provider
            for effect in step.effects:
                yield effect.action, effect.provider


def _can_be_action(vocabulary: Vocabulary, word: str) -> bool:
    """Whether an action is not known and may become so."""
    try:
        return word not in vocabulary.actions and word in vocabulary.extended(actions=[word]).actions
    except GovflowError:
        return False


def _can_be_provider(vocabulary: Vocabulary, word: str) -> bool:
    """Whether a provider is not known and may become so."""
    try:
        return word not in vocabulary.providers and word in vocabulary.extended(providers=[word]).providers
    except GovflowError:
        return False


def _named(flows: Sequence[tuple[str, Plan]]) -> list[str]:
    """Approval rules that the source names and that the policy must have."""
    names = {step.approval for _, plan in flows for step in plan.steps if step.approval}
    return sorted(name for name in names - {"one-approver", "two-approvers"} if name.isprintable())


def _outcome(flows: Sequence[tuple[str, Plan]], ground: Ground) -> Iterator[tuple[str, int]]:
    """What the policy does to the flows, strictest last."""
    requester, now = _REQUESTER, datetime.now(UTC)
    counts: Counter[tuple[int, str]] = Counter()
    for _, plan in flows:
        judged = assess(plan, ground, requester, now)
        for step in plan.steps:
            one = judged.steps[step.step_id]
            if one.verdict is Verdict.PASS:
                counts[0, "run without a question"] += 1
            elif one.verdict is Verdict.ESCALATE:
                counts[1, f"wait for an answer by approval rule {step.approval or one.decision.approval}"] += 1
            else:
                counts[2, f"are refused by rule {one.decision.rule}"] += 1
    for (_, said), number in sorted(counts.items()):
        yield said, number


def _heading(scan: Scan, outcome: Sequence[tuple[str, int]]) -> Iterator[str]:
    paths = plain(" ".join(str(target.path) for target in scan.targets), 200)
    steps = sum(number for _, number in outcome)
    yield f"A policy to start from, suggested by govflow {__version__} for: {paths}"
    yield ""
    where = plain(scan.workspace.ground.environment)
    yield f"Of the {steps} {_plural('step', steps)} that were found, as in environment {where}:"
    for said, number in outcome:
        yield f"  {number:>5}  {plain(said)}"
    if scan.unread:
        yield f"{len(scan.unread)} {_plural('file', len(scan.unread))} could not be read; their flows are not in it."
    yield ""
    yield from _NEXT.splitlines()


def _meaning(action: str) -> str:
    return Vocabulary.default().actions.get(action, f"a word of this repository: {action}")


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"
