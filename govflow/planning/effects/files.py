"""Opening files: what a mode means, and where the file is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from govflow.planning.effects.catalogue import Call
from govflow.planning.effects.deeds import Deed
from govflow.planning.effects.given import Given
from govflow.planning.effects.locations import is_own_text, location
from govflow.planning.effects.texts import whole

_TEMPLATE: Final = re.compile(r"file://\{(\w+)\}")


def read_open(call: Call, given: Given, relative: Callable[[str], str]) -> Iterator[Deed]:
    """The effects of opening a file: it is read, written or appended to."""
    named = _TEMPLATE.fullmatch(call.resource)
    subject = call.subject or (named[1] if named else call.arguments[0] if call.arguments else "file")
    modes = {whole(parts) for parts in given.texts("mode")} or {call.mode}
    for parts in given.texts(subject) or ((None,),):
        provider, resource = location(parts, relative)
        for action in sorted({action_of(mode) for mode in modes}):
            if action == "file:read" and is_own_text(parts):
                continue
            known = call.provider if call.provider and provider == "filesystem" else provider
            yield Deed(action, known, resource, detail=f"{action.partition(':')[2]} {resource}")


def action_of(mode: str | None) -> str:
    """What a mode of ``open`` does; one that is not known may write."""
    if mode is None or "w" in mode or "x" in mode or "+" in mode:
        return "file:write"
    return "file:append" if "a" in mode else "file:read"
