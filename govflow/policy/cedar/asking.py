"""A request as Cedar is asked it: only what the policies read, and nothing that a value could smuggle in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from govflow.policy.attributes import AttributeSchema, AttributeType, EvaluationError, reader
from govflow.policy.cedar import terms
from govflow.policy.cedar.conditions import time_text
from govflow.policy.cedar.library import Form
from govflow.policy.cedar.reads import Reads
from govflow.policy.model import PolicyRequest
from govflow.policy.operators import as_moment
from govflow.policy.values import kind_of


def asked(request: PolicyRequest, resource: str, reads: Reads, schema: AttributeSchema) -> tuple[Form, list[Form]]:
    """The request and its entities.

    Args:
        request: whose attributes are read.
        resource: its resource in normal form.
        reads: what the policies read.
        schema: says which of them are times.

    Raises:
        EvaluationError: a value is one that Cedar does not have.
    """
    spaces: dict[str, dict[str, Any]] = {"context": {}, "principal": {}, "resource": {}}
    for path in sorted(reads.values | reads.probes):
        value = reader(path)(request, resource)
        if value is None:
            continue
        if path not in reads.values and isinstance(value, Mapping):
            _place(spaces, path, {})
        else:
            attribute = schema.find(path)
            timed = attribute is not None and attribute.type is AttributeType.TIME
            _place(spaces, path, _timed(path, value) if timed else _value(path, value))
    user, parents = _principal(request.selectors)
    target = {"type": terms.RESOURCE, "id": resource}
    question = {
        "principal": user,
        "action": {"type": terms.ACTION, "id": request.action},
        "resource": target,
        "context": spaces["context"],
    }
    entities: list[Form] = [
        {"uid": user, "attrs": spaces["principal"], "parents": parents},
        {"uid": target, "attrs": spaces["resource"], "parents": []},
    ]
    return question, entities


def _principal(selectors: Collection[str]) -> tuple[Form, list[Form]]:
    """The first user, and all else that the selectors say as what the user is in."""
    named = sorted(selector.partition(":") for selector in selectors)
    entities: list[Form] = [
        {"type": terms.ENTITY_OF_KIND[kind], "id": name} for kind, _, name in named if kind in terms.ENTITY_OF_KIND
    ]
    users = [one for one in entities if one["type"] == "User"]
    user = users[0] if users else {"type": "User", "id": ""}
    return user, [one for one in entities if one is not user]


def _place(spaces: dict[str, dict[str, Any]], path: str, value: Any) -> None:
    variable, keys = terms.variable_of(path)
    held = spaces[variable]
    for key in keys[:-1]:
        held = held.setdefault(key, {})
    held[keys[-1]] = value


def _timed(path: str, value: Any) -> Form:
    return {"__extn": {"fn": "datetime", "arg": time_text(as_moment(path, value))}}


def _value(path: str, value: Any) -> Any:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int) and terms.FIRST <= value <= terms.LAST:
        return int(value)
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return _timed(path, value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(path, item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) and not key.startswith("__") for key in value):
        # "__entity" and "__extn" are how Cedar's JSON writes what is no plain data.
        return {key: _value(path, item) for key, item in value.items() if item is not None}
    raise EvaluationError(f"{path} is {kind_of(value)} of a kind that Cedar does not have")
