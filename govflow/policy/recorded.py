"""Decisions as they were recorded, in the form of one JSON object a line.

    {"at": "2026-11-22T17:05:29.000001Z", "run_id": "…", "flow": "flows/etl.py:nightly", "step_id": "nightly/load#1",
     "policy_digest": "sha256:…", "effect": "allow", "rule": "reads", "rules": ["shadow:strict", "reads"],
     "requests": [{"action": "data:read", …}], "erased": ["parameters.region"]}

``requests`` are the forms of :mod:`govflow.policy.request_form`: one for each thing that the step does; the strictest
answer about any of them was the decision. What a request does not hold was *missing* where it stands under ``subject``,
``step`` or ``run``, which are recorded whole, and is *unknown* elsewhere: nobody kept it. With ``"complete": true``
nothing is unknown but what ``erased`` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from govflow.errors import RequestError
from govflow.policy.model import Effect, PolicyRequest, Verdict
from govflow.policy.places import did_you_mean
from govflow.policy.request_form import form_of, request_of

_FIELDS: Final = frozenset(
    {
        *("at", "run_id", "flow", "step_id", "policy_digest", "effect", "rule", "rules"),
        *("requests", "erased", "complete"),
    }
)
_EFFECTS: Final = {str(effect): effect for effect in Effect}
_EFFECT_OF: Final = {
    str(Verdict.PASS): Effect.ALLOW,
    str(Verdict.ESCALATE): Effect.REQUIRE_APPROVAL,
    str(Verdict.REJECT): Effect.DENY,
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """One decision."""

    effect: Effect
    rule: str
    requests: tuple[PolicyRequest, ...]  # at least one
    policy_digest: str = ""
    rules: tuple[str, ...] = ()  # all that matched, with notes; empty where that was not recorded
    at: str = ""
    run_id: str = ""
    flow: str = ""
    step_id: str = ""
    erased: tuple[str, ...] = ()  # attributes that were recorded, and are not there any more; ``resource`` among them
    complete: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The line as JSON values; empty fields are left out."""
        said: dict[str, Any] = {
            "at": self.at,
            "run_id": self.run_id,
            "flow": self.flow,
            "step_id": self.step_id,
            "policy_digest": self.policy_digest,
            "effect": str(self.effect),
            "rule": self.rule,
            "rules": list(self.rules),
            "requests": [form_of(request) for request in self.requests],
            "erased": list(self.erased),
            "complete": self.complete,
        }
        return {name: value for name, value in said.items() if value}


def effect_of(verdict: str) -> Effect:
    """The effect behind a verdict that was recorded.

    Raises:
        KeyError: it is none.
    """
    return _EFFECT_OF[verdict]


def recorded_of(line: object) -> Recorded:
    """The decision that a line says.

    Raises:
        RequestError: a field is unknown, missing, or not of its form; it names the field.
    """
    if not isinstance(line, dict):
        raise _problem("the line", "not an object", "Write one JSON object a line.")
    if not _FIELDS.issuperset(line):
        unknown = next(name for name in line if name not in _FIELDS)
        raise _problem(unknown, "unknown field", did_you_mean(unknown, _FIELDS))
    effect = _EFFECTS.get(line.get("effect", ""))
    if effect is None:
        raise _problem("effect", "no effect", f"Write one of: {', '.join(sorted(_EFFECTS))}.")
    forms = line.get("requests")
    if not isinstance(forms, list) or not forms or not all(isinstance(form, Mapping) for form in forms):
        raise _problem("requests", "no requests", "Write a list with one request at least.")
    for name in ("at", "run_id", "flow", "step_id", "policy_digest", "rule"):
        if not isinstance(line.get(name, ""), str):
            raise _problem(name, "not text", "Write text.")
    return Recorded(
        effect,
        line.get("rule", ""),
        tuple(map(request_of, forms)),
        line.get("policy_digest", ""),
        _texts(line, "rules"),
        line.get("at", ""),
        line.get("run_id", ""),
        line.get("flow", ""),
        line.get("step_id", ""),
        _texts(line, "erased"),
        line.get("complete") is True,
    )


def _texts(line: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = line.get(name)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise _problem(name, "not a list of texts", "Write a list of texts.")
    return tuple(found)


def _problem(field: str, problem: str, mend: str) -> RequestError:
    return RequestError(f"{field}: {problem}.", mend=mend, details={"field": field})
