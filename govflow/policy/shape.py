"""The shape of a policy file: its sections and their fields, and what is said when a file has another shape."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, ValidationError
from pydantic_core import PydanticCustomError

from govflow.errors import PolicyError
from govflow.ir.models import NonEmpty, StrictModel
from govflow.policy.attributes import AttributeType
from govflow.policy.places import Path, Places, did_you_mean
from govflow.policy.rules import Choices, PolicyRule, PolicySet, Texts
from govflow.policy.selectors import EVERYONE


class ApprovalShape(StrictModel):
    """An approval rule as the file holds it; its defaults are those of ``ApprovalRule`` in the room that owns it."""

    required: int = Field(default=1, ge=1)
    approvers: Choices = (EVERYONE,)
    ttl_seconds: int = Field(default=3600, gt=0)


class PrincipalShape(StrictModel):
    """A person or machine account that the file knows."""

    roles: Texts = ()


def _whole(value: object) -> object:
    """``true`` and ``1.0`` equal 1, and are not a version."""
    if type(value) is not int:
        raise PydanticCustomError("int_type", "not a whole number")
    return value


class PolicyFile(StrictModel):
    """All sections of a policy file."""

    version: Annotated[Literal[1], BeforeValidator(_whole)]
    policy: PolicySet
    attributes: Mapping[str, Annotated[AttributeType, Field(strict=False)]] = Field(default_factory=dict)
    approvals: Mapping[NonEmpty, ApprovalShape] = Field(default_factory=dict)
    principals: Mapping[NonEmpty, PrincipalShape] = Field(default_factory=dict)
    actions: Texts = ()
    providers: Texts = ()
    tiers: Annotated[Sequence[Mapping[str, JsonValue]], AfterValidator(tuple)] = ()


_QUOTED: Final = re.compile(r"'([^']*)'")
_PLAIN_WORDS: Final = {
    "missing": ("the field is missing", "Add it."),
    "string_type": ("not text", "Write text, in quotes if it looks like something else."),
    "int_type": ("not a whole number", "Write a whole number."),
    "bool_type": ("not true or false", "Write true or false."),
    "list_type": ("not a list", "Write a list: [a, b]."),
    "sequence_str": ("not a list", "Write a list: [a, b]."),
    "is_instance_of": ("not a list", "Write a list: [a, b]."),
    "mapping_type": ("not a mapping", "Write 'name: value' lines below it."),
    "dict_type": ("not a mapping", "Write 'name: value' lines below it."),
    "model_type": ("not a mapping", "Write 'name: value' lines below it."),
    "model_attributes_type": ("not a mapping", "Write 'name: value' lines below it."),
    "too_short": ("the list is empty, so it matches nothing", "Write at least one entry, or remove the field."),
    "greater_than_equal": ("the number is too small", "Write a larger one."),
    "greater_than": ("the number is too small", "Write a larger one."),
    "less_than_equal": ("the number is too large", "Write a smaller one."),
    "string_too_short": ("the text is empty", "Write something, or remove the field."),
}


def shape_error(invalid: ValidationError, places: Places) -> PolicyError:
    """The first thing that is wrong, in the order of the file, in words."""
    problems = invalid.errors(include_url=False, include_input=False)
    first = min(problems, key=lambda problem: places.lines.get(tuple(problem["loc"]), 0))
    path, kind = tuple(first["loc"]), first["type"]
    if kind == "extra_forbidden":
        word = str(path[-1])
        return places.error(path, f"unknown field {word!r}", did_you_mean(word, _fields_at(path[:-1])))
    if kind in {"enum", "literal_error"}:
        words = _QUOTED.findall(str(first.get("ctx", {}).get("expected", ""))) or ["1"]
        choices = [word for word in words if word != AttributeType.ANY]
        return places.error(path, "not one of the words that go here", f"Use one of: {', '.join(choices)}.")
    if kind == "duplicate_rule":
        return places.error((*path, first["ctx"]["index"], "name"), first["msg"], "Rename one of the two.")
    if kind in _PLAIN_WORDS:
        problem, mend = _PLAIN_WORDS[kind]
        return places.error(path, problem, mend)
    return places.error(path, _lowered(first["msg"]), "Mend the value.")


def _lowered(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _fields_at(path: Path) -> list[str]:
    """The fields of the model that stands at ``path``."""
    if path == ("policy",):
        return ["default" if name == "default_effect" else name for name in PolicySet.model_fields]
    models: Mapping[str | int, type[StrictModel]] = {
        "policy": PolicyRule,
        "approvals": ApprovalShape,
        "principals": PrincipalShape,
    }
    return list((models.get(path[0], PolicyFile) if path else PolicyFile).model_fields)
