"""Resources of which the source tells only a part: ``https://{?}/orders``.

``{?}`` stands for any text. Such a resource is matched as law demands of what is missing: a rule that denies or asks
for approval matches when *some* text in the hole would make it match; a rule that allows only when *every* text would.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from govflow.policy.globs import Matcher, compile_globs, normal_resource

HOLE: Final = "{?}"
MARK: Final = "\0"  # no resource holds it, so no glob names it
TOKEN: Final = re.compile(r"\*+|\[!?+\]?+[^\]]*\]|.", re.DOTALL)  # a set that fnmatch finds closed is one token
_ONE: Final = "??"  # one character that is known, holes before it passed over: a ? that stands beside a star


def normal_with_holes(resource: str) -> str:
    """The normal form of a resource, each hole as one character that no resource holds.

    Raises:
        NoNormalForm: it climbs above its authority.
    """
    return normal_resource(resource.replace(HOLE, MARK))


def some_match(globs: Sequence[str]) -> Matcher | None:
    """Whether some text in the holes makes one of the globs match; ``None`` if one of them matches everything."""
    if compile_globs(globs) is None:
        return None
    return lambda resource: any(_overlap(_tokens(pattern), resource) for pattern in globs)


@lru_cache(maxsize=1024)
def _tokens(pattern: str) -> list[str]:
    """A glob in its parts; kept for few, since most requests have no holes and a policy may hold thousands."""
    return TOKEN.findall(pattern)


def every_match(globs: Sequence[str]) -> Matcher | None:
    """Whether one of the globs matches whatever text is in the holes; ``None`` if one of them matches everything."""
    if compile_globs(globs) is None:
        return None
    return lambda resource: any(_holds(_spans(pattern), resource) for pattern in globs)


@lru_cache(maxsize=1024)
def _spans(pattern: str) -> list[str]:
    """A glob in its parts, each star behind the ``?`` that stand beside it: ``*?`` and ``?*`` match the same."""
    found: list[str] = []
    wild = ""
    for token in [*_tokens(pattern), ""]:
        if token and token[0] in "*?":
            wild += token
            continue
        found += [_ONE] * wild.count("?") + ["*"] if "*" in wild else wild
        found += [token] if token else []
        wild = ""
    return found


def _holds(pattern: list[str], resource: str) -> bool:
    """Whether a glob matches a text whatever is in its holes: only a star takes in a hole, since it may hold anything.

    A set takes none in, ``[!a]`` least of all: what is in the hole may begin with an ``a``.
    """
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
        if glob == "*":
            stack.append((at + 1, along))
        if text is None or glob is None:
            continue
        if glob == "*" or (glob == _ONE and text == MARK):
            stack.append((at, along + 1))
        elif text != MARK and (glob == _ONE or _fits(glob, text)):
            stack.append((at + 1, along + 1))
    return False


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
        elif text == MARK:
            stack.append((at, along + 1))
            if glob is not None:
                stack.append((at + 1, along))
        elif glob is not None and text is not None and _fits(glob, text):
            stack.append((at + 1, along + 1))
    return False


def _fits(glob: str, character: str) -> bool:
    return glob == character if len(glob) == 1 and glob != "?" else fnmatch.fnmatchcase(character, glob)
