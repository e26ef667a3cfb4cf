"""Explain one decision of a policy: what was tried, what decided, what would make the request pass."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from govflow.errors import GovflowError, RequestError
from govflow.ir.vocabulary import Vocabulary
from govflow.policy import Engine, PolicyDocument, PolicyRequest
from govflow.policy.analysis.remedies import Remedy, remedies
from govflow.policy.analysis.trace import Trace, trace
from govflow.policy.analysis.views import view_of
from govflow.policy.cases import unread
from govflow.policy.places import did_you_mean
from govflow.policy.request_form import request_of
from govflow.policy.yaml_reader import read_yaml
from govflow.telemetry import redact_text

_MEND: Final = 'Write a request: {"action": "data:read", "resource": "dataset://acme/x", "subject": {"roles": ["dev"]}}'


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, and why."""

    document: PolicyDocument
    trace: Trace
    remedies: tuple[Remedy, ...]
    unknown: tuple[str, ...] = ()  # what the request names and there is not, with what was perhaps meant

    def to_dict(self) -> dict[str, Any]:
        """JSON values. Values of the request are in none of them but of its action, provider and resource."""
        decision, asked = self.trace.decision, self.trace.request
        approval = self.document.approvals.get(decision.approval or "")
        return {
            "version": 1,
            "policy": self.document.where,
            "digest": decision.policy_digest,
            "action": asked.action,
            "provider": asked.provider,
            "resource": None if self.trace.resource is None else redact_text(self.trace.resource),
            "unknown": list(self.unknown),
            "effect": decision.effect,
            "rule": decision.rule,
            "reason": decision.reason,
            "approval": None if decision.approval is None else {"name": decision.approval, **(approval or {})},
            "obligations": list(decision.obligations),
            "default": self.document.policy.default_effect,
            "combining": self.document.policy.combining,
            "tried": [
                {
                    "rule": tried.rule.name,
                    "effect": tried.rule.rule.effect,
                    "priority": tried.rule.rule.priority,
                    "outcome": tried.outcome,
                    "why": tried.why,
                    "field": tried.field,
                }
                for tried in self.trace.tried
            ],
            "exceptions": [{"name": name, "rule": rule, "outcome": what} for name, rule, what in self.trace.exceptions],
            "would_pass": [
                {
                    "effect": remedy.decision.effect,
                    "rule": remedy.decision.rule,
                    "changes": [
                        {"field": change.field, "value": change.value, "words": change.words}
                        for change in remedy.changes
                    ],
                }
                for remedy in self.remedies
            ],
        }


def explain_policy(document: PolicyDocument, request: PolicyRequest) -> Explanation:
    """Explain what a policy says of a request."""
    vocabulary = Vocabulary.default().extended(document.actions, document.providers)
    engine = Engine(document)
    view = view_of(document, {*vocabulary.actions, request.action})
    found = trace(view, engine, request)
    unknown = tuple(_unknown(request, document, vocabulary))
    return Explanation(document, found, remedies(found, engine), unknown)


def _unknown(request: PolicyRequest, document: PolicyDocument, vocabulary: Vocabulary) -> Iterator[str]:
    """A mistyped attribute is missing, and a mistyped action is what no rule is for: that explains something else."""
    for kind, name, known in (
        ("action", request.action, vocabulary.actions),
        ("provider", request.provider, vocabulary.providers),
    ):
        if name not in known:
            yield f"{kind} {name!r} is not registered. {did_you_mean(name, known)}"
    for _, path, mend in unread(request.attributes, document):
        yield f"no rule can read {path!r}. {mend}"


def read_request(text: str, where: str, changes: Mapping[str, Any]) -> PolicyRequest:
    """The request of a file, or of options alone.

    Args:
        text: JSON or YAML; empty if there is no file.
        where: how messages call it.
        changes: dotted paths and values that are put into it.

    Raises:
        RequestError: it is no request.
    """
    form: Any = _parsed(text, where) if text.strip() else {}
    if not isinstance(form, dict):
        raise RequestError(f"{where} is no request: it is not a mapping.", mend=_MEND)
    for path, value in changes.items():
        _put(form, path.split("."), value, path)
    return request_of(form)


def read_value(text: str) -> Any:
    """What an option means: JSON where it is JSON, else text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def request_text(path: Path) -> str:
    """The text of a file of a request.

    Raises:
        RequestError: it cannot be read.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise RequestError(f"{path} cannot be read: {why}.", mend=_MEND) from None


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return read_yaml(text, where)[0]
    except GovflowError as error:
        raise RequestError(f"{where} is neither JSON nor YAML: {error.message}", mend=_MEND) from None


def _put(form: dict[str, Any], keys: Sequence[str], value: Any, path: str) -> None:
    *around, last = keys
    inside: Any = form
    for key in around:
        inside = inside.setdefault(key, {})
        if not isinstance(inside, dict):
            raise RequestError(f"{path} cannot be set: {key} is a value.", mend="Set a path of an attribute.")
    if isinstance(value, list) and isinstance(held := inside.get(last), list):
        value = [*held, *value]
    inside[last] = value
