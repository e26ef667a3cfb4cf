"""Where to go after signing in: a page of ours, never another site."""

from __future__ import annotations

import re
from typing import Final

HOME: Final = "/"
_OURS: Final = re.compile(r"/(?![/\\])[A-Za-z0-9._~/?&=%:@+-]{0,500}")


def next_page(asked: str | None) -> str:
    """``asked`` if it is a path of ours, else the first page. No second slash, no backslash: those name a host."""
    if asked is None or not _OURS.fullmatch(asked) or asked.startswith("/sign-"):
        return HOME
    return asked
