"""Resource templates: ``s3://{Bucket}/{Key}``, ``dataset://[{schema}/]{name}``.

``{name}`` is an argument of the call, or one that its object, or the object that made that one, was made with.
``[…]`` is left out where an argument in it is not given at all. ``{.key}``, ``{.method}`` and ``{*}`` speak of the
callee (the object's key, the last part of the name, what the last ``*`` of a glob stood for); a lookup fills them in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

UNKNOWN: Final = "{?}"
"""What stands for a part that the source does not tell."""

OF_CALLEE: Final = frozenset({".key", ".method", "*"})

_OPTIONAL: Final = re.compile(r"\[([^\[\]]*)\]")
_NAME: Final = re.compile(r"\{([^{}?]+)\}")


def fill(template: str, values: Mapping[str, str | None]) -> str:
    """The resource that a template stands for.

    Args:
        template: of a :class:`~govflow.planning.effects.catalogue.entries.Call`.
        values: text of each argument that is given, None where the source does not tell it; what is not given, and has
            no default that matters, is left out.
    """
    if "[" in template:
        template = _OPTIONAL.sub(lambda part: _optional(part[1], values), template)
    return _NAME.sub(lambda name: _text(values.get(name[1])), template)


def of_callee(template: str, callee: str, key: str | None, star: str) -> str:
    """The template with what the callee itself tells put in."""
    if "{" not in template:
        return template
    known = {".key": key, ".method": callee.rpartition(".")[2], "*": star}
    return _NAME.sub(lambda name: _text(known[name[1]]) if name[1] in known else name[0], template)


@lru_cache(maxsize=4096)
def names_in(template: str) -> frozenset[str]:
    """The arguments that a template names."""
    return frozenset(_NAME.findall(template)) - OF_CALLEE


def _optional(part: str, values: Mapping[str, str | None]) -> str:
    return part if all(name in values for name in _NAME.findall(part)) else ""


def _text(value: str | None) -> str:
    return UNKNOWN if value is None else value
