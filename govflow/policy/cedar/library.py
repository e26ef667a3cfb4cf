"""The Cedar library, which is an extra; and policy sets in the JSON form that it reads and writes."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any, Final

from govflow.errors import PolicyError

Form = dict[str, Any]
"""A policy or a term in Cedar's JSON policy format."""

_FIRST_LINE: Final = 1


def library() -> ModuleType:
    """``cedarpy``.

    Raises:
        PolicyError: it is not installed.
    """
    try:
        import cedarpy
    except ImportError:
        raise PolicyError("Cedar needs the package cedarpy.", mend="pip install 'govflow[cedar]'") from None
    return cedarpy


def parsed(text: str, where: str) -> list[Form]:
    """The policies of Cedar text, in its order.

    Raises:
        PolicyError: it is no Cedar text, or holds templates.
    """
    try:
        found = json.loads(library().policies_to_json_str(text))
    except ValueError as wrong:
        said = " ".join(str(wrong).split())
        raise PolicyError(
            f"{where}: not Cedar policies: {said}", mend="Mend the text; 'cedar check-parse' shows the place."
        ) from None
    if found["templates"]:
        raise PolicyError(
            f"{where}: it holds templates, which decide nothing by themselves.",
            mend="Write policies without ?principal and ?resource.",
            details={"file": where},
        )
    policies = found["staticPolicies"]
    return [policies[name] for name in sorted(policies, key=lambda name: int(name.removeprefix("policy")))]


def written(policies: list[Form]) -> str:
    """The policies as Cedar text, laid out as its own formatter does it."""
    if not policies:
        return ""
    named = {f"policy{number}": policy for number, policy in enumerate(policies)}
    form = {"staticPolicies": named, "templates": {}, "templateLinks": []}
    cedar = library()
    text = "".join(cedar.policies_from_json_str(json.dumps(one)) for one in _one_by_one(form))
    return str(cedar.format_policies(text))


def _one_by_one(form: Form) -> list[Form]:
    # The library writes a set in the order of its names as text: policy10 before policy2.
    return [{**form, "staticPolicies": {name: policy}} for name, policy in form["staticPolicies"].items()]


def lines(text: str) -> list[int]:
    """The line on which each policy begins, its annotations included: for messages."""
    found: list[int] = []
    line, fresh, place = _FIRST_LINE, True, 0
    while place < len(text):
        character = text[place]
        if text.startswith("//", place):
            end = text.find("\n", place)
            place = len(text) if end < 0 else end
            continue
        if fresh and not character.isspace():
            found.append(line)
            fresh = False
        if character == '"':
            end = _end_of_text(text, place)
            line += text.count("\n", place, end)
            place = end
            continue
        fresh = fresh or character == ";"
        line += character == "\n"
        place += 1
    return found


def _end_of_text(text: str, start: int) -> int:
    place = start + 1
    while place < len(text) and text[place] != '"':
        place += 2 if text[place] == "\\" else 1
    return place + 1
