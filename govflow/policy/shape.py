"""The shape of a policy file: its sections and their fields, and what is said when a file has another shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, ValidationError
from pydantic_core import PydanticCustomError

from govflow.errors import PolicyError
from govflow.ir.models import NonEmpty, StrictModel
from govflow.policy.approval_shape import ApprovalShape, shape_at
from govflow.policy.attributes import AttributeType
from govflow.policy.exemptions import PolicyException
from govflow.policy.fields import Texts
from govflow.policy.places import Path, Places, did_you_mean
from govflow.policy.rollout import Rollout
from govflow.policy.rules import Band, PolicyRule, PolicySet


class PrincipalShape(StrictModel):
    """A person or machine account that the file knows."""

    roles: Texts = ()
    groups: Texts = ()


def _whole(value: object) -> object:
    """``true`` and ``1.0`` equal 1, and are not a version."""
    if type(value) is not int:
        raise PydanticCustomError("int_type", "not a whole number")
    return value


class PolicyFile(StrictModel):
    """All sections of a policy file."""

    version: Annotated[Literal[1], BeforeValidator(_whole)]
    imports: Texts = ()  # other policy files, whose rules are this one's too
    policy: PolicySet
    attributes: Mapping[str, Annotated[AttributeType, Field(strict=False)]] = Field(default_factory=dict)
    approvals: Mapping[NonEmpty, ApprovalShape] = Field(default_factory=dict)
    principals: Mapping[NonEmpty, PrincipalShape] = Field(default_factory=dict)
    actions: Texts = ()
    providers: Texts = ()
    tiers: Annotated[Sequence[Mapping[str, JsonValue]], AfterValidator(tuple)] = ()


_DIGITS: Final = re.compile(r"\d+")
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
    "too_long": ("the list is too long", "Write fewer entries."),
    "moment": ("not a time", "Write a day or a time with its offset: 2027-01-31, 2027-01-31T18:00:00+01:00."),
    "too_short": ("the list is empty, so it matches nothing", "Write at least one entry, or remove the field."),
    "greater_than_equal": ("the number is too small", "Write a larger one."),
    "greater_than": ("the number is too small", "Write a larger one."),
    "less_than_equal": ("the number is too large", "Write a smaller one."),
    "string_too_short": ("the text is empty", "Write something, or remove the field."),
}


def shape_error(
    invalid: ValidationError, places: Places, fields_at: Callable[[Path], list[str]] | None = None
) -> PolicyError:
    """The first thing that is wrong, in the order of the file, in words.

    Args:
        invalid: what the model said.
        places: of the file.
        fields_at: the fields that a mapping at a path may have; those of a policy file if it is not given.
    """
    problems = invalid.errors(include_url=False, include_input=False)
    # A field that is missing is often one that is there and mistyped, which is the better thing to say.
    mistyped = {tuple(problem["loc"])[:-1] for problem in problems if problem["type"] == "extra_forbidden"}
    told = [one for one in problems if one["type"] != "missing" or tuple(one["loc"])[:-1] not in mistyped]
    first = min(told, key=lambda problem: places.lines.get(tuple(problem["loc"]), 0))
    path, kind = tuple(first["loc"]), first["type"]
    if kind == "extra_forbidden":
        word = str(path[-1])
        return places.error(path, f"unknown field {word!r}", did_you_mean(word, (fields_at or _fields_at)(path[:-1])))
    if kind in {"enum", "literal_error"}:
        expected = str(first.get("ctx", {}).get("expected", ""))
        words = _QUOTED.findall(expected) or _DIGITS.findall(expected) or ["1"]
        choices = [word for word in words if path[0] != "attributes" or word != AttributeType.ANY]
        return places.error(path, "not one of the words that go here", f"Use one of: {', '.join(choices)}.")
    if kind == "named_twice":
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
    nested: Mapping[str | int, type[StrictModel]] = {"bands": Band, "exceptions": PolicyException, "rules": PolicyRule}
    if not path:
        return list(PolicyFile.model_fields)
    if path[0] == "approvals":
        return list(shape_at(path).model_fields)
    if path[0] == "principals":
        return list(PrincipalShape.model_fields)
    if path[-1] == "rollout":
        return list(Rollout.model_fields)
    return list(nested[path[1]].model_fields)
