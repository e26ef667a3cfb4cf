"""Resources of which the source tells only a part: ``https://{?}/orders``.

``{?}`` stands for any text. Such a resource is matched as law demands of what is missing: a rule that denies or asks
for approval matches when *some* text in the hole would make it match; a rule that allows only when *every* text would.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from typing import Final

from govflow.policy.globs import Matcher, compile_globs, normal_resource

HOLE: Final = "{?}"
_MARK: Final = "\0"  # no resource holds it, so no glob names it
_TOKEN: Final = re.compile(r"\*+|\[!?\]?[^\]]*\]|.", re.DOTALL)
_FILLINGS: Final = ("", _MARK, _MARK * 3)  # what a star takes in all the same, and a ? or a set does not


def normal_with_holes(resource: str) -> str:
    """The normal form of a resource, each hole as one character that no resource holds.

    Raises:
        NoNormalForm: it climbs above its authority.
    """
    return normal_resource(resource.replace(HOLE, _MARK))


def some_match(globs: Sequence[str]) -> Matcher | None:
    """Whether some text in the holes makes one of the globs match; ``None`` if one of them matches everything."""
    if compile_globs(globs) is None:
        return None
    tokens = [_TOKEN.findall(pattern) for pattern in globs]
    return lambda resource: any(_overlap(pattern, resource) for pattern in tokens)


def every_match(globs: Sequence[str]) -> Matcher | None:
    """Whether one of the globs matches whatever text is in the holes; ``None`` if one of them matches everything."""
    single = [compile_globs([pattern]) for pattern in globs]
    if any(match is None for match in single):
        return None
    return lambda resource: any(
        match is not None and all(match(resource.replace(_MARK, text)) for text in _FILLINGS) for match in single
    )


def _overlap(pattern: list[str], resource: str) -> bool:
    """Whether a glob and a text with holes have a text in common: the product of the two, walked once."""
    seen: set[tuple[int, int]] = set()
    stack = [(0, 0)]
    while stack:
        place = stack.pop()
        if place in seen:
            continue
        seen.add(place)
        at, along = place
        glob = pattern[at] if at < len(pattern) else None
        text = resource[along] if along < len(resource) else None
        if glob is None and text is None:
            return True
        if glob is not None and glob[0] == "*":
            stack.append((at + 1, along))
            if text is not None:
                stack.append((at, along + 1))
        elif text == _MARK:
            stack.append((at, along + 1))
            if glob is not None:
                stack.append((at + 1, along))
        elif glob is not None and text is not None and _fits(glob, text):
            stack.append((at + 1, along + 1))
    return False


def _fits(glob: str, character: str) -> bool:
    return glob == character if len(glob) == 1 and glob != "?" else fnmatch.fnmatchcase(character, glob)
