"""Cedar's engine behind our protocol: Cedar says which policies are satisfied, and we decide by them.

Cedar alone answers permit or forbid, names only the policies of the stronger kind, and passes over a policy that it
cannot evaluate. So each policy is given to it as a ``permit``, and the answer is put together here: as Cedar does it,
forbid before permit, with require_approval between them, or in another way of combining. What Cedar could not evaluate
denies, but for a permit that comes upon a missing attribute, which is not met.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Final

from govflow.errors import PolicyError
from govflow.ir.canonical import canonical_digest
from govflow.policy.attributes import READS_TOO, AttributeSchema, AttributeType, EvaluationError
from govflow.policy.cedar.annotations import Said, said_by
from govflow.policy.cedar.asking import asked
from govflow.policy.cedar.exporting import DEFAULT
from govflow.policy.cedar.library import Form, library, lines, parsed
from govflow.policy.cedar.reads import Reads, ReadsAll, reads_of
from govflow.policy.engine import DEFAULT as NO_RULE
from govflow.policy.engine import ERROR, SEVERITY
from govflow.policy.globs import NoNormalForm, normal_resource
from govflow.policy.holes import HOLE
from govflow.policy.model import Decision, Effect, PolicyRequest
from govflow.policy.rules import Combining

_FAILED: Final = re.compile(r"policy `r([0-9]+)`")
_MISSING: Final = "does not have the attribute"  # if Cedar says it otherwise one day, such a policy denies
_PERMISSIVE: Final = {Effect.ALLOW: 0, Effect.REQUIRE_APPROVAL: 1, Effect.DENY: 2}


@dataclass(frozen=True, slots=True)
class _Policy:
    said: Said
    alone: Decision


class CedarEngine:
    """Decides by Cedar policies. Safe to share between threads.

    Args:
        text: the policies. Annotations: ``@id``, ``@description``, ``@effect("require_approval")``, ``@priority``,
            ``@approval`` and what else :func:`govflow.policy.cedar.export_cedar` writes.
        where: how messages name the text.
        combining: how the policies that are satisfied make one decision. Cedar's own way is ``deny_overrides``.
        attributes: types of attributes by path, as a policy file declares them; only ``time`` makes a difference.

    Raises:
        PolicyError: the text cannot be used.
    """

    def __init__(
        self,
        text: str,
        where: str = "Cedar policies",
        *,
        combining: Combining = Combining.DENY_OVERRIDES,
        attributes: dict[str, str] | None = None,
    ) -> None:
        forms, places = parsed(text, where), lines(text)
        declared = {path: AttributeType(kind) for path, kind in sorted((attributes or {}).items())}
        self._schema = AttributeSchema(declared)
        self._digest = canonical_digest({"cedar": forms, "combining": combining, "attributes": declared}, where="")
        self._first = combining is Combining.FIRST_MATCH
        self._ranks = _PERMISSIVE if combining is Combining.PERMIT_OVERRIDES else SEVERITY
        read = [
            (self._policy(form, index, f"{where}:{line}"), form)
            for index, (form, line) in enumerate(zip(forms, places, strict=True))
        ]
        _named_once([policy.said for policy, _ in read], where)
        read.sort(key=lambda one: (one[0].said.priority, SEVERITY[one[0].said.effect]))
        self._policies = tuple(policy for policy, _ in read)
        self._reads = _reads(forms, where)
        self._of_resource = any(_names_resource(form) for form in forms) or any(
            path.partition(".")[0] == "resource" for path in self._reads.paths
        )
        self._secured = any(policy.said.secures for policy in self._policies)
        self._set = as_permits([form for _, form in read])
        self._ask: Callable[..., Any] = library().is_authorized
        self._default = Decision(
            effect=Effect.DENY,
            rule=NO_RULE,
            reason=f"No policy of {where!r} is satisfied; Cedar denies then.",
            policy_digest=self._digest,
        )

    def _policy(self, form: Form, index: int, where: str) -> _Policy:
        said = said_by(form, index, where)
        decision = Decision(
            effect=said.effect,
            rule=said.name,
            reason=said.description or f"Policy {said.name!r} says {said.effect}.",
            policy_digest=self._digest,
            approval=said.approval,
            stride=said.stride,
            compliance=said.compliance,
        )
        return _Policy(said, decision)

    @property
    def digest(self) -> str:
        """``sha256:`` digest of the policies and of how they are combined; layout and comments make no difference."""
        return self._digest

    @property
    def footprint(self) -> frozenset[str]:
        """Attribute paths that any policy reads; whether what stands before them is there may be asked besides."""
        paths = self._reads.paths
        return paths.union(*(READS_TOO.get(path, frozenset()) for path in paths))

    def decide(self, request: PolicyRequest) -> Decision:
        """Decide; never raises: an error is a deny."""
        try:
            return self._decided(request)
        except NoNormalForm as problem:
            return self._error(f"{problem}, so no policy can be matched with it.")
        except EvaluationError as problem:
            return self._error(f"The request cannot be put to Cedar: {problem}.")
        except Exception as problem:  # noqa: BLE001 - law: whatever goes wrong in a decision is a deny
            return self._error(f"The request could not be evaluated: {type(problem).__name__}.")

    def _decided(self, request: PolicyRequest) -> Decision:
        if not isinstance(request.selectors, Set):  # text is iterable too, and would name nobody
            raise TypeError("selectors")
        if HOLE in request.resource and self._of_resource:
            raise EvaluationError("only a part of the resource is known from the source")
        resource = request.resource if HOLE in request.resource else normal_resource(request.resource)
        question, entities = asked(request, resource, self._reads, self._schema)
        answer = self._ask(question, self._set, entities)
        if answer.decision.name == "NoDecision":
            raise EvaluationError("Cedar does not take it")
        satisfied = {int(name[1:]) for name in answer.diagnostics.reasons}
        failed = {_failed(text): _MISSING in text for text in answer.diagnostics.errors}
        return self._combined(satisfied, failed)

    def _combined(self, satisfied: set[int], failed: Mapping[int, bool]) -> Decision:
        """The decision; ``failed`` holds for each policy that failed whether an attribute was missing."""
        names: list[str] = []
        found: list[_Policy] = []
        decided = False
        for number in sorted(satisfied | failed.keys()):
            policy = self._policies[number]
            if decided and not policy.said.secures:
                continue
            if number in failed:
                if policy.said.effect is Effect.ALLOW and failed[number]:
                    continue
                told = f"Policy {policy.said.name!r} could not be evaluated."
                return replace(self._error(told), rules=(*names, f"error:{policy.said.name}"))
            found.append(policy)
            if policy.said.name != DEFAULT:
                names.append(policy.said.name)
            if self._first and not self._secured:
                break
            decided = self._first
        if not found:
            return self._default
        winner = found[0] if self._first else min(found, key=lambda one: self._ranks[one.said.effect])
        if self._secured:
            winner = min((one for one in found if one.said.secures or one is winner), key=_security_first)
        same = [policy.said for policy in found if policy.said.effect is winner.said.effect]
        obligations = tuple(dict.fromkeys(word for said in same for word in said.obligations))
        return replace(winner.alone, rules=tuple(names), obligations=obligations)

    def _error(self, reason: str) -> Decision:
        return Decision(effect=Effect.DENY, rule=ERROR, reason=reason, policy_digest=self._digest)


def _security_first(policy: _Policy) -> tuple[int, bool]:
    return SEVERITY[policy.said.effect], not policy.said.secures


def as_permits(forms: Sequence[Form]) -> Any:
    """A set of all policies as permits, named by their places: what Cedar then gives as reasons are all that hold."""
    policies = {f"r{number}": {**form, "effect": "permit"} for number, form in enumerate(forms)}
    whole = {"staticPolicies": policies, "templates": {}, "templateLinks": []}
    return library().PolicySet.from_json_str(json.dumps(whole))


def _failed(text: str) -> int:
    told = _FAILED.search(text)
    if told is None:
        raise EvaluationError("Cedar does not take it")
    return int(told[1])


def _names_resource(form: Form) -> bool:
    return bool(form["resource"]["op"] != "All") or '{"Var": "resource"}' in json.dumps(form["conditions"])


def _reads(forms: Sequence[Form], where: str) -> Reads:
    try:
        return reads_of(forms)
    except ReadsAll:
        raise PolicyError(
            f"{where}: a policy takes the whole context, so what it reads is not known.",
            mend="Name the attributes: context.run.flow.",
        ) from None


def _named_once(policies: Sequence[Said], where: str) -> None:
    seen: set[str] = set()
    for said in policies:
        if said.name in seen:
            raise PolicyError(f"{where}: two policies are called {said.name!r}.", mend="Give each its own @id.")
        seen.add(said.name)
