"""A request as people and files write it, and the other way round.

    {"action": "data:delete", "provider": "postgres", "resource": "dataset://acme/x",
     "subject": {"name": "rita", "roles": ["developer"], "groups": ["night"], "teams": ["data"]},
     "run": {"tenant": "acme", "environment": "production"}, "parameters": {"limit": 3}}

The selectors are those that a governed run would have: of the subject's name, roles, groups and teams and of the run's
tenant. ``selectors`` says them outright.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from govflow.errors import RequestError
from govflow.policy.model import PolicyRequest
from govflow.policy.places import did_you_mean

_OWN: Final = ("action", "provider", "resource", "selectors")
_SPACES: Final = ("subject", "step", "run", "context", "parameters")  # a policy may declare others


def request_of(form: Mapping[str, Any]) -> PolicyRequest:
    """The request that ``form`` says. ``provider`` may be left out.

    Raises:
        RequestError: a field is unknown, missing, or not of its form; it names the field.
    """
    attributes = {name: value for name, value in form.items() if name not in _OWN}
    for name, value in attributes.items():
        if value.__class__ is not dict and not isinstance(value, Mapping):  # asking the class is far quicker
            known = name in _SPACES
            mend = "Write 'name: value' lines below it." if known else did_you_mean(str(name), (*_OWN, *_SPACES))
            raise _problem(name, "not a mapping" if known else "unknown field", mend)
    given = form.get("selectors")
    selectors = _selectors(attributes) if given is None else frozenset(_texts(given, "selectors"))
    return PolicyRequest(
        selectors=selectors,
        action=_text(form, "action"),
        provider=_text(form, "provider", "python"),
        resource=_text(form, "resource"),
        attributes={name: dict(value) for name, value in attributes.items()},
    )


def form_of(request: PolicyRequest) -> dict[str, Any]:
    """The form of ``request``: JSON data where its attributes are."""
    form = {"action": request.action, "provider": request.provider, "resource": request.resource}
    attributes = {name: value for name, value in request.attributes.items() if name not in _OWN}
    try:
        told = _selectors(attributes) == request.selectors
    except RequestError:  # a subject that names nobody is a request as well
        told = False
    return {**form, **attributes} if told else {**form, "selectors": sorted(request.selectors), **attributes}


def _selectors(attributes: Mapping[str, Any]) -> frozenset[str]:
    subject, run = attributes.get("subject", {}), attributes.get("run", {})
    found = [f"role:{role}" for role in _texts(subject.get("roles", ()), "subject.roles")]
    found += [f"group:{group}" for group in _texts(subject.get("groups", ()), "subject.groups")]
    found += [f"team:{team}" for team in _texts(subject.get("teams", ()), "subject.teams")]
    if subject.get("name") is not None:
        found.append(f"user:{_text(subject, 'name')}")
    if run.get("tenant") is not None:
        found.append(f"tenant:{_text(run, 'tenant')}")
    return frozenset(found)


def _text(form: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = form.get(name, default)
    if not isinstance(value, str):
        raise _problem(name, "missing" if value is None else "not text", f"Write {name}: TEXT.")
    return value


def _texts(value: object, name: str) -> Sequence[str]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(one, str) for one in value):
        raise _problem(name, "not a list of texts", "Write a list: [a, b].")
    return value


def _problem(field: str, problem: str, mend: str) -> RequestError:
    return RequestError(f"The request cannot be read: {field}: {problem}.", mend=mend, details={"field": str(field)})
