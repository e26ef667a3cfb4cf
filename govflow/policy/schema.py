"""A JSON Schema of policy files, for editors. The loader says more than a schema can, and has the last word.

    python -m govflow.policy     # prints it

``govflow/policy/policy.schema.json`` holds the same. Editors with the YAML language server read it where a file begins
with ``# yaml-language-server: $schema=<path>``, those with Taplo where it begins with ``#:schema <path>``.
"""

from __future__ import annotations

import json
from typing import Any, Final

from govflow.policy.attributes import BUILT_IN, AttributeType
from govflow.policy.cel import CEL, MAX_LENGTH
from govflow.policy.conditions import EXISTS
from govflow.policy.operators import OPERATORS
from govflow.policy.shape import PolicyFile

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

_SCALAR: Final = {"type": ["string", "number", "boolean"]}
_LIST: Final = {"type": "array", "items": _SCALAR, "minItems": 1}
_TEXT: Final = {"type": "string", "minLength": 1}
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
    "glob": _TEXT,
    "matches": _TEXT,
    "cidr": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]},
    "before": _TEXT,
    "after": _TEXT,
}


def policy_json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) as JSON values; a new one at each call."""
    schema = PolicyFile.model_json_schema()
    rule = schema["$defs"]["PolicyRule"]
    rule["properties"]["conditions"] = {"$ref": "#/$defs/Conditions", "title": "Conditions"}
    group = {"$ref": "#/$defs/Conditions", "minProperties": 1}
    schema["$defs"]["Conditions"] = {
        "description": "Attribute paths, each with the operators that its value must meet; all of them.",
        "type": "object",
        "properties": {
            **{path: {"$ref": f"#/$defs/{_name(attribute.type)}"} for path, attribute in BUILT_IN.items()},
            "all": {"type": "array", "items": group, "minItems": 1},
            "any": {"type": "array", "items": group, "minItems": 1},
            "not": group,
            CEL: {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH},
        },
        "additionalProperties": {"$ref": f"#/$defs/{_name(AttributeType.ANY)}"},
    }
    schema["$defs"] |= {_name(kind): _tests(kind) for kind in AttributeType}
    return {"$schema": DRAFT, **schema, "title": "govflow policy file"}


def _name(kind: AttributeType) -> str:
    return f"TestsOf{kind.capitalize()}"


def _tests(kind: AttributeType) -> dict[str, Any]:
    """What may stand under a path of that type."""
    names = [name for name, (types, _) in OPERATORS.items() if kind in types]
    return {
        "type": "object",
        "properties": {name: dict(_OPERANDS[name]) for name in [*names, EXISTS]},
        "additionalProperties": False,
        "minProperties": 1,
    }


def schema_text() -> str:
    """The schema as the file holds it."""
    return json.dumps(policy_json_schema(), indent=2, ensure_ascii=False) + "\n"
