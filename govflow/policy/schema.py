"""A JSON Schema of policy files, for editors. The loader says more than a schema can, and has the last word."""

from __future__ import annotations

from typing import Any, Final

from govflow.policy.attributes import BUILT_IN, AttributeType
from govflow.policy.conditions import EXISTS, OPERATORS
from govflow.policy.shape import PolicyFile

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

_SCALAR: Final = {"type": ["string", "number", "boolean"]}
_LIST: Final = {"type": "array", "items": _SCALAR, "minItems": 1}
_NUMBER: Final = {"type": "number"}
_OPERANDS: Final[dict[str, dict[str, Any]]] = {
    "equals": _SCALAR,
    "not_equals": _SCALAR,
    "any_of": _LIST,
    "not_any_of": _LIST,
    "contains": _SCALAR,
    EXISTS: {"type": "boolean"},
    "gt": _NUMBER,
    "gte": _NUMBER,
    "lt": _NUMBER,
    "lte": _NUMBER,
    "between": {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2},
    "glob": {"type": "string", "minLength": 1},
}


def policy_json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) as JSON values; a new one at each call."""
    schema = PolicyFile.model_json_schema()
    rule = schema["$defs"]["PolicyRule"]
    rule["properties"]["conditions"] = {
        "title": "Conditions",
        "description": "Attribute paths, each with the operators that its value must meet; all of them.",
        "type": "object",
        "properties": {path: _tests(attribute.type) for path, attribute in BUILT_IN.items()},
        "additionalProperties": _tests(AttributeType.ANY),
    }
    return {"$schema": DRAFT, **schema, "title": "govflow policy file"}


def _tests(kind: AttributeType) -> dict[str, Any]:
    """What may stand under a path of that type."""
    names = [name for name, (types, _) in OPERATORS.items() if kind in types]
    return {
        "type": "object",
        "properties": {name: dict(_OPERANDS[name]) for name in [*names, EXISTS]},
        "additionalProperties": False,
        "minProperties": 1,
    }
